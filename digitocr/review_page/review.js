// The review: which number is shown, what keys do, and what is told to the server.

import { get, post, whyNot } from "./server.js";
import * as page from "./page.js";
import * as sheet from "./sheet.js";

const AHEAD = 6; // numbers whose pictures are fetched before they are shown
const LISTEN = 2000; // milliseconds between questions for what other tabs have decided
const SURE = 0.95, DOUBTFUL = 0.8; // digits below are marked
const WORTH_SAYING = 0.01; // second guesses that are likelier are shown
const NO_TEXT = /[^0-9.,:/%-]/g;

const $ = (id) => document.getElementById(id);
const typed = $("typed");

const numbers = new Map(); // by id
const pictures = new Map(); // fetched ahead, by address
const history = []; // ids of what this tab has decided
let ids = []; // of the queue
let current = null; // id
let changes = 0; // of the session, that this tab knows of
let progress = {};
let filter = { status: "review" };
let audit = null; // { shown }, where a sample is looked at
let revealed = null; // id of the audit's number whose reading is shown because the answer differs

// ---- what is shown

function say(text) {
  $("status").textContent = text;
}

function fail(error) {
  if (error.status === 0) {
    $("banner").textContent = error.message;
    $("banner").hidden = false;
  }
  say(error.message);
}

const percent = (chance) => `${Math.floor(100 * chance)} %`;
const level = (chance) => (chance >= SURE ? "sure" : chance >= DOUBTFUL ? "doubtful" : "unsure");

function showProgress(told) {
  progress = told;
  const left = told.asked - told.done;
  const parts = [`${told.done} of ${told.asked} checked`, `${left} left`];
  if (told.hourly && told.decided >= 5) {
    parts.push(`${told.hourly} an hour`);
    const minutes = Math.ceil((60 * left) / told.hourly);
    if (left) parts.push(minutes < 120 ? `about ${minutes} min` : `about ${Math.round(minutes / 60)} h`);
  }
  $("bar").max = told.asked || 1;
  $("bar").value = told.asked ? told.done : 1;
  $("counts").textContent = parts.join(" · ");
}

function placeText(one) {
  const parts = [`page ${one.page}`];
  if (one.field) parts.push(`field ${one.field}`);
  else if (one.line) parts.push(`line ${one.line}, number ${one.item}`);
  if (one.table) parts.push(`table ${one.table}, row ${one.row}, column ${one.column}`);
  return parts.join(" · ");
}

function showDigits(one) {
  const left = [...one.digits];
  $("digits").replaceChildren(...[...(isHidden(one) ? "" : one.read ?? "")].map((letter) => {
    const item = document.createElement("li");
    const text = document.createElement("b");
    text.textContent = letter;
    item.append(text);
    const digit = /\d/.test(letter) ? left.shift() : undefined;
    if (!digit) {
      item.className = "sign";
      return item;
    }
    item.className = level(digit.confidence);
    const chance = document.createElement("small");
    chance.textContent = percent(digit.confidence);
    item.append(chance);
    if (digit.second?.[1] >= WORTH_SAYING) {
      const second = document.createElement("small");
      second.textContent = `or ${digit.second[0]}: ${percent(digit.second[1])}`;
      second.title = "what the first network alone would read next";
      item.append(second);
    }
    return item;
  }));
}

function showChance(one) {
  const strong = document.createElement("strong");
  let rest = "";
  if (isHidden(one)) {
    strong.textContent = "The reading is not shown";
    rest = "Type what you see; Delete if it is no number.";
  } else if (one.decided) {
    strong.textContent = one.number === null ? "Checked: no number" : `Checked: ${one.number}`;
    rest = one.read === null ? "was missed" : `was read as ${one.read}`;
  } else if (one.read === null) {
    strong.textContent = "Nothing was read here";
    rest = "Enter leaves it blank.";
  } else {
    strong.textContent = `${percent(one.confidence)} sure`;
    rest = one.doubtful ? "to review" : "ok";
  }
  $("chance").replaceChildren(strong, rest);
}

function showPicture(box, one, name) {
  const image = box.querySelector("img");
  const url = `pictures/${one.id}/${name}.png`;
  const lacking = box.querySelector(".lacking");
  if (lacking) lacking.textContent = "";
  image.style.visibility = "visible";
  image.onerror = async () => {
    image.style.visibility = "hidden";
    if (lacking && current === one.id) lacking.textContent = await whyNot(url);
  };
  const [width, height] = one[`${name}Size`];
  image.width = width;
  image.height = height;
  image.src = url;
}

// In an audit whoever looks at a number is not told how it was read, until they have said it.
const isHidden = (one) => audit && !audit.shown && !one.decided && revealed !== one.id;

function reveal(one) {
  revealed = one.id;
  showDigits(one);
  showChance(one);
  hint();
  say($("hint").textContent);
}

function showNumber(one) {
  const name = document.createElement("b");
  name.textContent = one.file;
  $("place").replaceChildren(name, ` · ${placeText(one)}`);
  showPicture($("crop"), one, "crop");
  showPicture($("line"), one, "line");
  $("line").style.aspectRatio = one.lineSize.join(" / ");
  $("line").style.maxWidth = `calc(9rem * ${one.lineSize[0] / one.lineSize[1]})`;
  page.place($("line").querySelector(".mark"), one.onLine);
  showDigits(one);
  showChance(one);
  page.show(one);
  $("page-name").textContent = `${one.file}, page ${one.page}`;
  typed.value = "";
  typed.placeholder = isHidden(one) ? "" : (one.decided ? one.number : one.read) ?? "";
  $("ask").textContent = "What is there?";
  hint();
  $("whole").disabled = one.table === null && one.field === null;
  $("whole").firstChild.textContent = one.field === null ? "Whole table " : "Whole form ";
  $("undo").disabled = history.length === 0 && !one.decided;
  nameButtons();
  if (document.querySelector("dialog[open]")) return;
  typed.focus({ preventScroll: true });
  $("answer").scrollIntoView({ block: "nearest" });
}

function nameButtons() {
  $("accept").firstChild.textContent = page.drawing() ? "Add " : "Accept ";
  $("none").disabled = page.drawing();
}

function hint() {
  const one = numbers.get(current);
  let text = "";
  if (page.drawing()) text = typed.value ? "Enter adds it." : "Draw a box around the number, or move this one with the arrows; type the number.";
  else if (one && revealed === one.id) text = `It was read as ${one.read}. ${typed.value ? `Enter again: it is ${typed.value}.` : "Delete again: it is no number."} Or type what is there.`;
  else if (typed.value) text = `Enter: ${typed.value}. Esc forgets it.`;
  else if (one?.decided) text = "Enter keeps it; type to change it.";
  $("hint").textContent = text;
}

function described(one) {
  if (isHidden(one)) return "type what you see";
  if (one.decided) return `checked: ${one.number ?? "no number"}`;
  if (one.read === null) return `nothing was read in ${one.field ?? "this place"}`;
  return `read as ${one.read}, ${percent(one.confidence)} sure`;
}

async function show(id, said = "") {
  current = id;
  revealed = null;
  const one = await known(id);
  if (current !== id) return;
  $("number").hidden = $("page").hidden = false;
  $("empty").hidden = true;
  showNumber(one);
  if (sheet.isOpen()) sheet.mark(id);
  say([said, `${capital(described(one))}.`].filter(Boolean).join(" "));
  guess(one);
  fetchAhead();
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);

async function showAudit(said) {
  const told = await get("audit");
  $("empty").querySelector("h2").textContent = `${told.sentence}.`;
  $("empty").querySelector("p").textContent = told.sizes
    .map(([bound, size]) => `To show that no more than ${100 * bound} % are takes a sample of ${size}.`)
    .concat("u takes the last answer back, Ctrl-C in the terminal ends the audit.").join(" ");
  say([said, `${told.sentence}.`].filter(Boolean).join(" "));
}

function showEmpty(said = "") {
  current = null;
  sheet.close();
  $("number").hidden = $("page").hidden = true;
  $("empty").hidden = false;
  if (audit) return showAudit(said);
  const all = filter.status === "review" && Object.keys(filter).length === 1;
  const title = all ? "Nothing is left to review." : "Nothing is left with this filter.";
  $("empty").querySelector("h2").textContent = title;
  $("empty").querySelector("p").textContent = "Results have all decisions. u takes the last one back, / shows other numbers, Ctrl-C in the terminal ends the review.";
  say([said, title].filter(Boolean).join(" "));
}

// ---- what is known

async function known(id) {
  if (!numbers.has(id)) await fetchNumbers([id]);
  return numbers.get(id);
}

async function fetchNumbers(wanted) {
  for (const one of await get("numbers", { ids: wanted.join(",") })) numbers.set(one.id, one);
}

// Guesses take reading the number's picture, so they come after it.
async function guess(one) {
  if (isHidden(one)) return;
  if (one.guessed || !one.digits.length) return;
  one.guessed = true;
  try {
    const seconds = await get("guesses", { id: one.id });
    seconds.forEach((second, i) => { if (one.digits[i]) one.digits[i].second = second; });
    if (current === one.id) showDigits(numbers.get(current));
  } catch { /* the picture's place says why */ }
}

async function fetchAhead() {
  const order = sheet.isOpen() ? sheet.ids() : ids;
  const from = order.indexOf(current);
  const ahead = order.slice(from + 1).filter((id) => !numbers.get(id)?.decided).slice(0, AHEAD);
  const unknown = ahead.filter((id) => !numbers.has(id));
  try {
    if (unknown.length) await fetchNumbers(unknown);
  } catch { return; }
  for (const one of ahead.map((id) => numbers.get(id))) {
    for (const url of [`pictures/${one.id}/crop.png`, `pictures/${one.id}/line.png`, page.pictureOf(one)]) {
      if (!pictures.has(url)) {
        const image = new Image();
        image.src = url;
        pictures.set(url, image);
      }
    }
  }
  for (const url of [...pictures.keys()].slice(0, -8 * AHEAD)) pictures.delete(url);
  for (const id of ahead.slice(0, 2)) await guess(numbers.get(id));
}

async function loadQueue(asked = get("queue", filter)) {
  const told = await asked;
  ids = told.ids;
  changes = told.progress.changes;
  showProgress(told.progress);
  if (ids.length) await show(ids[0]);
  else await showEmpty();
}

function take(one) {
  const old = numbers.get(one.id);
  if (old) old.digits.forEach((digit, i) => { if (one.digits[i] && digit.second) one.digits[i].second = digit.second; });
  one.guessed = old?.guessed;
  numbers.set(one.id, one);
  if (sheet.isOpen()) sheet.refill(one, fillCell);
}

async function listen() {
  if (document.hidden || working || !$("banner").hidden) return;
  try {
    const told = await get("changes", { since: changes });
    if (working) return;
    changes = told.progress.changes;
    showProgress(told.progress);
    for (const one of told.numbers) {
      const old = numbers.get(one.id);
      if (old && old.version === one.version) continue;
      if (old || one.id === current) take(one);
      if (one.id === current) {
        showNumber(one);
        say(`Another tab: ${described(one)}.`);
      }
    }
  } catch (error) {
    fail(error);
  }
}

// ---- what is decided

async function decided(told, said) {
  take(told.number);
  showProgress(told.progress);
  changes += told.progress.changes - changes === 1 ? 1 : 0; // else listen() asks for the others
  return said;
}

async function decide(id, text) {
  const one = numbers.get(id);
  try {
    const told = await post("decide", { id, version: one.version, number: text });
    history.push(id);
    await decided(told);
    return true;
  } catch (error) {
    await refused(error, id);
    return false;
  }
}

async function refused(error, id) {
  if (error.status !== 409) return fail(error);
  await fetchNumbers([id]);
  take(numbers.get(id));
  await show(id, "Another tab was faster.");
}

async function accept() {
  const one = numbers.get(current);
  const text = typed.value || null;
  if (page.drawing()) return addDrawn(text);
  if (text && !/\d/.test(text)) return say("A number has a digit at least.");
  if (!text && one.decided) return next("Kept.");
  if (isHidden(one)) {
    if (!text) return say("Type what you see.");
    if (text !== one.read) return reveal(one);
  }
  const number = text ?? one.read;
  if (await decide(one.id, number)) {
    await next(audit ? "Noted." : number === null ? "Left blank." : number === one.read ? `Accepted ${number}.` : `${one.read ?? "Blank"} is now ${number}.`);
  }
}

async function none() {
  if (page.drawing()) return;
  if (isHidden(numbers.get(current))) return reveal(numbers.get(current));
  if (await decide(current, null)) await next("No number.");
}

async function acceptAll() {
  if (!sheet.isOpen()) return;
  let n = 0;
  for (const id of sheet.ids()) {
    const one = numbers.get(id);
    if (one.decided) continue;
    if (!(await decide(id, one.read))) return;
    n += 1;
  }
  await next(`Accepted ${n}.`);
}

async function undo() {
  const id = history.at(-1) ?? (numbers.get(current)?.decided ? current : undefined);
  if (id === undefined) return say("Nothing to undo.");
  const one = numbers.get(id);
  try {
    if (one.decided) await decided(await post("undo", { id, version: one.version }));
    history.pop();
  } catch (error) {
    history.pop();
    return refused(error, id);
  }
  if (one.read === null && !one.doubtful) { // it was added, and is gone
    ids = ids.filter((other) => other !== id);
    return current === null ? next("Taken back.") : show(current, "Taken back.");
  }
  if (sheet.isOpen() && !sheet.ids().includes(id)) sheet.close();
  await show(id, "Taken back.");
}

function beginAdding() {
  if (current === null) return;
  page.draw();
  typed.value = "";
  typed.placeholder = "";
  $("ask").textContent = "Which number is in the box?";
  nameButtons();
  typed.focus({ preventScroll: true });
  hint();
  say("Add a number: arrows move the box, Shift and arrows size it; type the number, then Enter. Esc ends.");
}

async function addDrawn(text) {
  if (!text || !/\d/.test(text)) return say("Type the number that is in the box.");
  const box = page.drawnBox();
  try {
    const told = await post("add", { id: current, box, number: text });
    page.endDrawing();
    history.push(told.number.id);
    await decided(told);
    await show(current, `Added ${text}.`);
  } catch (error) {
    fail(error);
  }
}

// ---- where to go

const open = (id) => !numbers.get(id)?.decided;

async function next(said = "") {
  const order = sheet.isOpen() ? sheet.ids() : ids;
  const from = order.indexOf(current);
  const after = order.slice(from + 1).find(open) ?? order.slice(0, Math.max(0, from)).find(open);
  if (after !== undefined) return show(after, said);
  if (sheet.isOpen()) {
    sheet.close();
    said = `${said} All of it is checked.`;
    return next(said);
  }
  return showEmpty(said);
}

async function step(x, y) {
  if (current === null) return ids.length ? show(ids.at(-1)) : undefined;
  if (sheet.isOpen()) {
    const id = sheet.beside(current, x, y);
    return id === undefined ? say("Here it ends.") : show(id);
  }
  const id = ids[ids.indexOf(current) + (x || y)];
  return id === undefined || (ids.indexOf(current) < 0) ? say("Here it ends.") : show(id);
}

function fillCell(button, text, one) {
  const number = one.decided ? one.number : one.read;
  text.textContent = number ?? "–";
  button.className = one.decided ? "checked" : one.doubtful ? level(Math.min(one.confidence, SURE - 0.01)) : "sure";
  button.setAttribute("aria-label", described(one));
}

async function toggleSheet() {
  if (audit) return say("An audit looks at single numbers.");
  if (sheet.isOpen()) {
    sheet.close();
    return show(ids.includes(current) ? current : ids.find(open) ?? current, "Back to the queue.");
  }
  const one = numbers.get(current);
  if (!one || (one.table === null && one.field === null)) return say("This number is in no table or form.");
  const found = await get("beside", { id: current });
  found.forEach(take);
  sheet.open(found.map((other) => numbers.get(other.id)), current, (id) => run(() => show(id)), fillCell);
  say(`${one.field === null ? "Table" : "Form"} of ${found.length} numbers, ${found.filter((other) => !other.decided).length} to check.`);
}

// ---- keys

let working = null; // what is being done; keys that come meanwhile wait
const waiting = [];

async function run(what) {
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
  working = null;
  if (waiting.length) run(waiting.shift());
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LETTERS = {
  u: undo, n: none, t: toggleSheet, a: beginAdding, e: edit,
  z: () => page.larger(1.4), x: () => page.larger(1 / 1.4), w: page.whole,
  "?": () => $("help").showModal(),
};

function edit() {
  const one = numbers.get(current);
  if (isHidden(one)) return;
  typed.value = (one?.decided ? one.number : one?.read) ?? "";
  hint();
}

function escape() {
  if (typed.value) typed.value = "";
  else if (page.drawing()) page.endDrawing();
  else if (sheet.isOpen()) return toggleSheet();
  if (!page.drawing() && current !== null) showNumber(numbers.get(current));
  hint();
}

// What a key does; undefined where it is for the field that is typed into.
function actionOf(key, shift) {
  const arrow = ARROWS[key];
  if (key === "Enter") return shift ? acceptAll : current === null ? undefined : accept;
  if (key === "Escape") return escape;
  if (arrow && shift) return () => (page.drawing() ? page.moveBox(...arrow, true) : page.move(...arrow));
  if (arrow && page.drawing()) return typed.value ? undefined : () => page.moveBox(...arrow, false);
  if (arrow && (!typed.value || !arrow[0])) return () => step(...arrow);
  if (key === "Delete" && !typed.value && current !== null) return none;
  if (key === "/" && !typed.value && !audit) return () => $("filter").showModal();
  const letter = LETTERS[key];
  if (letter === edit || letter === none) return current === null ? undefined : letter;
  return letter;
}

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const onButton = event.target.closest("button");
  if (onButton && (event.key === "Enter" || event.key === " ") && !event.shiftKey) return;
  const written = event.key.length === 1 && !event.key.match(NO_TEXT);
  if (working) {
    event.preventDefault();
    waiting.push(() => later(event.key, event.shiftKey, written));
    return;
  }
  const action = actionOf(event.key, event.shiftKey);
  if (action) {
    event.preventDefault();
    run(action);
  } else if (written && current !== null && document.activeElement !== typed) {
    typed.focus({ preventScroll: true }); // and the key is typed there
  }
});

function later(key, shift, written) {
  const action = actionOf(key, shift);
  if (action) return action();
  if (written) typed.value += key;
  else if (key === "Backspace") typed.value = typed.value.slice(0, -1);
  hint();
}

typed.addEventListener("input", () => {
  const clean = typed.value.replace(NO_TEXT, "");
  if (clean !== typed.value) typed.value = clean;
  hint();
});

const clicks = {
  none, undo, whole: toggleSheet, "accept-all": acceptAll, add: beginAdding,
  previous: () => step(-1, 0), next: () => step(1, 0),
  "zoom-in": LETTERS.z, "zoom-out": LETTERS.x, "zoom-whole": page.whole,
  "open-help": LETTERS["?"],
  "open-filter": () => $("filter").showModal(),
};
for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", () => run(act));
$("answer").addEventListener("submit", (event) => {
  event.preventDefault();
  run(accept);
});
page.listen(() => typed.focus({ preventScroll: true }));

const form = $("filter").querySelector("form");
$("filter-reset").addEventListener("click", () => {
  form.reset();
  $("filter").close("apply");
});
$("filter").addEventListener("close", () => {
  if ($("filter").returnValue === "apply") {
    filter = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
    sheet.close();
    run(() => loadQueue());
  }
  $("filter").returnValue = "";
  typed.focus({ preventScroll: true });
});

function choose({ fields, tables }) {
  const option = (value, text) => new Option(text, value);
  form.field.append(...fields.map((name) => option(name, name)));
  form.table.append(...Array.from({ length: tables }, (_, i) => option(i + 1, `table ${i + 1}`)));
}

run(async () => {
  const queue = get("queue", filter);
  const told = await get("state");
  audit = told.audit;
  $("mode").textContent = audit ? "audit" : "review";
  document.title = `digitocr ${$("mode").textContent}`;
  $("open-filter").hidden = $("whole").hidden = audit !== null;
  choose(told.choices);
  await loadQueue(queue);
});
setInterval(listen, LISTEN);
document.addEventListener("visibilitychange", listen);
