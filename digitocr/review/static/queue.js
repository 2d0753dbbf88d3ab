// Which number is looked at, and which one comes next: in the queue, or in the table or form shown.

import { get } from "./server.js";
import { fetchAhead, guess, isOpen, known, of, take } from "./numbers.js";
import * as audit from "./audit.js";
import * as number from "./number.js";
import * as page from "./page.js";
import * as sheet from "./sheet.js";
import { say, showProgress } from "./status.js";

const AHEAD = 6; // numbers whose pictures are fetched before they are shown

const $ = (id) => document.getElementById(id);

let ids = []; // of the queue
let current = null; // id
let filter = { status: "review" };

export const currentId = () => current;
const isInQueue = (id) => ids.includes(id);
const firstOpen = () => ids.find(isOpen) ?? ids[0];
export function leaveOut(id) { ids = ids.filter((other) => other !== id); }

export async function load(asked) {
  const told = await asked;
  ids = told.ids;
  showProgress(told.progress);
  await (ids.length ? show(ids[0]) : showEmpty());
}

export function ask(wanted = filter) {
  filter = wanted;
  return get("queue", filter);
}

export async function show(id, said = "") {
  const one = await known(id);
  current = id;
  page.endDrawing();
  audit.forget();
  $("number").hidden = $("page").hidden = false;
  $("empty").hidden = true;
  number.show(one);
  if (sheet.isOpen()) sheet.mark(id);
  say(said, `${capital(number.described(one))}.`, `${capital(number.placeOf(one).replaceAll(" · ", ", "))}.`);
  showGuesses(one);
  lookAhead();
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

async function showGuesses(one) {
  if (audit.isHidden(one)) return;
  await guess(one);
  if (current === one.id) number.showDigits(of(current));
}

async function lookAhead() {
  const order = sheet.isOpen() ? sheet.ids() : ids;
  const ahead = order.slice(order.indexOf(current) + 1).filter(isOpen).slice(0, AHEAD);
  try {
    await fetchAhead(ahead);
    for (const one of ahead.slice(0, 2).map(of)) {
      if (!audit.isHidden(one)) await guess(one);
    }
  } catch { /* it is asked for again when it is shown */ }
}

async function showEmpty(said = "") {
  current = null;
  sheet.close();
  $("number").hidden = $("page").hidden = true;
  $("empty").hidden = false;
  const [title, more] = audit.isAudit() ? await audit.summary() : leftToDo();
  $("empty").querySelector("h2").textContent = title;
  $("empty").querySelector("p").textContent = more;
  say(said, title);
}

function leftToDo() {
  const all = filter.status === "review" && Object.keys(filter).length === 1;
  return [
    all ? "Nothing is left to review." : "Nothing is left with this filter.",
    "Results have all decisions. u takes the last one back, / shows other numbers, Ctrl-C in the terminal ends the review.",
  ];
}

export async function next(said = "") {
  const order = sheet.isOpen() ? sheet.ids() : ids;
  const from = order.indexOf(current);
  const after = order.slice(from + 1).find(isOpen) ?? order.slice(0, Math.max(0, from)).find(isOpen);
  if (after !== undefined) return show(after, said);
  if (!sheet.isOpen()) return showEmpty(said);
  sheet.close();
  return next(`${said} All of it is checked.`);
}

export async function step(x, y) {
  if (current === null) return ids.length ? show(ids.at(-1)) : undefined;
  const at = ids.indexOf(current);
  const id = sheet.isOpen() ? sheet.beside(current, x, y) : at < 0 ? undefined : ids[at + (x || y)];
  return id === undefined ? say("Here it ends.") : show(id);
}

// ---- the whole table or form

export async function toggleSheet() {
  if (audit.isAudit()) return say("An audit looks at single numbers.");
  if (sheet.isOpen()) {
    sheet.close();
    return show(isInQueue(current) ? current : firstOpen() ?? current, "Back to the queue.");
  }
  const one = of(current);
  if (!one || (one.table === null && one.field === null)) return say("This number is in no table or form.");
  const found = await openSheet();
  say(`${one.field === null ? "Table" : "Form"} of ${found.length} numbers, ${found.filter((other) => !other.decided).length} to check.`);
}

// Opens it anew where numbers have come in or gone.
export async function openSheet() {
  const found = await get("beside", { id: current });
  take(found);
  if (found.length) sheet.open(found.map((one) => of(one.id)), current);
  return found;
}
