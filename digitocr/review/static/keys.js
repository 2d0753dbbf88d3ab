// Keys and buttons: what they do, one thing at a time.

import { of } from "./numbers.js";
import * as audit from "./audit.js";
import * as decisions from "./decisions.js";
import * as filter from "./filter.js";
import * as number from "./number.js";
import * as page from "./page.js";
import * as queue from "./queue.js";
import * as sheet from "./sheet.js";
import { fail } from "./status.js";

const NO_TEXT = /[^0-9.,:/%-]/g;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LETTERS = {
  u: decisions.undo, n: decisions.none, t: queue.toggleSheet, a: decisions.beginAdding, e: edit,
  z: () => page.larger(1.4), x: () => page.larger(1 / 1.4), w: page.whole,
  "?": () => document.getElementById("help").showModal(),
};
const BUTTONS = {
  none: decisions.none, undo: decisions.undo, add: decisions.beginAdding,
  whole: queue.toggleSheet, "accept-all": decisions.acceptAll,
  previous: () => queue.step(-1, 0), next: () => queue.step(1, 0),
  "zoom-in": LETTERS.z, "zoom-out": LETTERS.x, "zoom-whole": LETTERS.w,
  "open-help": LETTERS["?"], "open-filter": filter.open,
};

const { typed } = number;
let working = false;
const waiting = []; // what was asked for meanwhile

export const isWorking = () => working;

export async function run(what) {
  if (working) {
    waiting.push(what);
    return;
  }
  working = true;
  try {
    await what();
  } catch (error) {
    fail(error);
  }
  working = false;
  document.getElementById("undo").disabled = !decisions.canUndo();
  if (waiting.length) run(waiting.shift());
}

function edit() {
  const one = of(queue.currentId());
  if (audit.isHidden(one)) return;
  typed.value = (one.decided ? one.number : one.read) ?? "";
  number.hint();
}

function escape() {
  if (typed.value) typed.value = "";
  else if (page.drawing()) decisions.endAdding();
  else if (sheet.isOpen()) return queue.toggleSheet();
  number.hint();
}

// What a key does; undefined where it is for what has the focus.
function actionOf({ key, shift, onPage }) {
  const arrow = ARROWS[key], isShown = queue.currentId() !== null;
  if (key === "Enter") return shift ? decisions.acceptAll : isShown ? decisions.accept : undefined;
  if (key === "Escape") return escape;
  if (arrow && shift) return () => (page.drawing() ? page.moveBox(...arrow, true) : page.move(...arrow));
  if (arrow && page.drawing()) return typed.value ? undefined : () => page.moveBox(...arrow, false);
  if (arrow && onPage) return undefined; // it scrolls
  if (arrow && (!typed.value || !arrow[0])) return () => queue.step(...arrow);
  if (key === "Delete" && !typed.value && isShown) return decisions.none;
  if (key === "/" && !typed.value && !audit.isAudit()) return filter.open;
  return (key === "n" || key === "e") && !isShown ? undefined : LETTERS[key];
}

function pressed(event) {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const onButton = event.target.closest("button");
  if (onButton && (event.key === "Enter" || event.key === " ") && !event.shiftKey) return;
  const onPage = event.target.id === "viewport";
  const key = { key: event.key, shift: event.shiftKey, onPage };
  const isText = event.key.length === 1 && !event.key.match(NO_TEXT);
  if (working && event.key !== "Tab") {
    event.preventDefault();
    if (!event.repeat) waiting.push(() => later(key, isText));
    return;
  }
  const action = actionOf(key);
  if (action) {
    event.preventDefault();
    // A key that is held down decides once, and goes on moving.
    if (!event.repeat || ARROWS[event.key]) run(action);
  } else if (isText && queue.currentId() !== null && document.activeElement !== typed) {
    typed.focus({ preventScroll: true }); // and the key is typed there
  }
}

function later(key, isText) {
  const action = actionOf(key);
  if (action) return action();
  if (isText) typed.value += key.key;
  else if (key.key === "Backspace") typed.value = typed.value.slice(0, -1);
  number.hint();
}

export function listen() {
  document.addEventListener("keydown", pressed);
  typed.addEventListener("input", () => {
    const clean = typed.value.replace(NO_TEXT, "");
    if (clean !== typed.value) typed.value = clean;
    number.hint();
  });
  for (const [id, act] of Object.entries(BUTTONS)) {
    document.getElementById(id).addEventListener("click", () => run(act));
  }
  document.getElementById("answer").addEventListener("submit", (event) => {
    event.preventDefault();
    run(decisions.accept);
  });
  page.listen(() => typed.focus({ preventScroll: true }));
  sheet.listen((id) => run(() => queue.show(id)));
}
