// The review begins here, and hears every two seconds what other tabs have decided.

import { get } from "./server.js";
import * as audit from "./audit.js";
import * as decisions from "./decisions.js";
import * as filter from "./filter.js";
import * as keys from "./keys.js";
import { typed } from "./number.js";
import * as queue from "./queue.js";
import * as sheet from "./sheet.js";
import { fail, hasEnded } from "./status.js";

const LISTEN = 2000; // milliseconds

const $ = (id) => document.getElementById(id);

async function begin() {
  const asked = queue.ask();
  const told = await get("state");
  audit.begin(told.audit);
  $("mode").textContent = audit.isAudit() ? "audit" : "review";
  document.title = `digitocr ${$("mode").textContent}`;
  $("open-filter").hidden = $("whole").hidden = audit.isAudit();
  filter.offer(told.choices);
  decisions.begin(told.recent, told.progress.changes);
  await queue.load(asked);
}

async function listen() {
  if (document.hidden || keys.isWorking()) return;
  try {
    await decisions.listen(keys.isWorking);
  } catch (error) {
    if (!hasEnded()) fail(error); // else it has been said
  }
}

keys.listen();
filter.listen((wanted) => {
  if (wanted) {
    keys.run(() => {
      sheet.close();
      return queue.load(queue.ask(wanted));
    });
  }
  typed.focus({ preventScroll: true });
});
keys.run(begin);
setInterval(listen, LISTEN);
document.addEventListener("visibilitychange", listen);
