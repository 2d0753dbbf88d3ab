// What is decided about numbers: told to the server, which answers when it is on the disk.

import { get, post } from "./server.js";
import { fetchNumbers, known, of, take } from "./numbers.js";
import * as audit from "./audit.js";
import * as number from "./number.js";
import * as page from "./page.js";
import * as queue from "./queue.js";
import * as sheet from "./sheet.js";
import { fail, say, showProgress } from "./status.js";

const { typed } = number;
let history = []; // ids of what was decided, the last one at the end
let changes = 0; // of the session, that this tab knows of

export function begin(recent, counted) {
  history = recent;
  changes = counted;
}

export const canUndo = () => history.length > 0 || Boolean(of(queue.currentId())?.decided);

// ---- told by the server

function noteDecided(told) {
  take([told.number]);
  sheet.refill(of(told.number.id));
  if (told.progress.changes === changes + 1) changes += 1; // else listen() asks for the others
  showProgress(told.progress);
}

// What other tabs have decided.
export async function listen(isWorking) {
  const told = await get("changes", { since: changes });
  if (isWorking() || told.changes < changes) return; // this tab has decided meanwhile
  changes = told.changes;
  showProgress(told.progress);
  const news = told.numbers.filter((one) => of(one.id)?.version !== one.version);
  take(news);
  if (sheet.isOpen() && news.some((one) => one.read === null)) await queue.openSheet();
  news.forEach(sheet.refill);
  const one = news.find((other) => other.id === queue.currentId());
  if (!one || isWorking()) return;
  const kept = typed.value;
  number.show(one);
  typed.value = kept;
  number.hint();
  say(`Another tab: ${number.described(one)}.`);
}

async function refused(error, id) {
  if (error.status !== 409) return fail(error);
  await fetchNumbers([id]);
  sheet.refill(of(id));
  await queue.show(id, "Another tab was faster.");
}

// ---- decisions

async function decide(id, text) {
  try {
    noteDecided(await post("decide", { id, version: of(id).version, number: text }));
    history.push(id);
    return true;
  } catch (error) {
    await refused(error, id);
    return false;
  }
}

export async function accept() {
  const one = of(queue.currentId());
  const text = typed.value || null;
  if (!one) return;
  if (page.drawing()) return addDrawn(text);
  if (text && !/\d/.test(text)) return say("A number has a digit at least.");
  if (!text && one.decided) return queue.next("Kept.");
  if (audit.isHidden(one)) {
    if (!text) return say("Type what you see.");
    if (text !== one.read) return reveal(one);
  }
  const told = text ?? one.read;
  if (await decide(one.id, told)) await queue.next(saidOf(one, told));
}

function saidOf(one, told) {
  if (audit.isAudit()) return "Noted.";
  if (told === null) return "Left blank.";
  return told === one.read ? `Accepted ${told}.` : `${one.read ?? "Blank"} is now ${told}.`;
}

function reveal(one) {
  audit.reveal(one);
  number.showReading(one);
  say(number.hint());
}

export async function none() {
  const one = of(queue.currentId());
  if (page.drawing() || !one) return;
  if (audit.isHidden(one)) return reveal(one);
  if (await decide(one.id, null)) await queue.next("No number.");
}

export async function acceptAll() {
  if (!sheet.isOpen()) return;
  const left = sheet.ids().map(of).filter((one) => !one.decided);
  for (const one of left) {
    if (!(await decide(one.id, one.read))) return;
  }
  await queue.next(`Accepted ${left.length}.`);
}

async function lastDecided() {
  while (history.length && !(await known(history.at(-1))).decided) history.pop();
  return history.at(-1) ?? (of(queue.currentId())?.decided ? queue.currentId() : undefined);
}

export async function undo() {
  const current = queue.currentId(), id = await lastDecided();
  if (id === undefined) return say("Nothing to undo.");
  const one = of(id);
  try {
    noteDecided(await post("undo", { id, version: one.version }));
  } catch (error) {
    return refused(error, id);
  }
  const isGone = one.read === null && !one.doubtful; // it was added
  if (isGone) queue.leaveOut(id);
  if (isGone && sheet.isOpen() && id !== current) await queue.openSheet();
  else if (sheet.isOpen() && (isGone || !sheet.ids().includes(id))) sheet.close();
  if (!isGone) return queue.show(id, "Taken back.");
  return current === null || id === current ? queue.next("Taken back.") : queue.show(current, "Taken back.");
}

// ---- a number that was missed

export function beginAdding() {
  if (queue.currentId() === null) return;
  page.draw();
  typed.value = "";
  number.showAsked();
  typed.focus({ preventScroll: true });
  say("Add a number: arrows move the box, Shift and arrows size it; type the number, then Enter. Esc ends.");
}

export function endAdding() {
  page.endDrawing();
  number.showAsked();
}

async function addDrawn(text) {
  if (!text || !/\d/.test(text)) return say("Type the number that is in the box.");
  const current = queue.currentId();
  try {
    const told = await post("add", { id: current, box: page.drawnBox(), number: text });
    endAdding();
    noteDecided(told);
    history.push(told.number.id);
    if (sheet.isOpen()) await queue.openSheet();
    if (told.number.id === current) await queue.next(`Added ${text}.`); // in a field that was not read
    else await queue.show(current, `Added ${text}.`);
  } catch (error) {
    fail(error);
  }
}
