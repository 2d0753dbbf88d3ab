// The number that is looked at: where it is, its pictures, its digits and chances, and what is typed.

import { whyNot } from "./server.js";
import { guessesOf, of } from "./numbers.js";
import { isHidden, isRevealed } from "./audit.js";
import * as page from "./page.js";

const SURE = 0.95, DOUBTFUL = 0.8; // digits below are marked
const WORTH_SAYING = 0.01; // second guesses that are likelier are shown

const $ = (id) => document.getElementById(id);
export const typed = $("typed");

let shown = null; // id

const percent = (chance) => `${Math.floor(100 * chance)} %`;
const level = (chance) => (chance >= SURE ? "sure" : chance >= DOUBTFUL ? "doubtful" : "unsure");

export function show(one) {
  shown = one.id;
  const name = document.createElement("bdi"); // it may be written from right to left
  name.textContent = one.file;
  $("place").replaceChildren(name, ` · ${placeOf(one)}`);
  showPicture($("crop"), one, "crop");
  showPicture($("line"), one, "line");
  $("line").style.aspectRatio = one.lineSize.join(" / ");
  $("line").style.maxWidth = `calc(9rem * ${one.lineSize[0] / one.lineSize[1]})`;
  page.place($("line").querySelector(".mark"), one.onLine);
  page.show(one);
  const pageName = document.createElement("bdi");
  pageName.textContent = one.file;
  $("page-name").replaceChildren(pageName, `, page ${one.page}`);
  typed.value = "";
  showReading(one);
  $("whole").disabled = one.table === null && one.field === null;
  $("whole").firstChild.textContent = one.field === null ? "Whole table " : "Whole form ";
  if (document.querySelector("dialog[open]")) return;
  typed.focus({ preventScroll: true });
  $("answer").scrollIntoView({ block: "nearest" });
}

export function showReading(one) {
  showDigits(one);
  showChance(one);
  showAsked();
}

// What is asked for: the number, or in a box that is being drawn the number in it.
export function showAsked() {
  const one = of(shown), drawing = page.drawing();
  document.body.classList.toggle("adding", drawing);
  $("ask").textContent = drawing ? "Which number is in the box?" : "What is there?";
  typed.placeholder = drawing || isHidden(one) ? "" : (one.decided ? one.number : one.read) ?? "";
  $("accept").firstChild.textContent = drawing ? "Add " : "Accept ";
  $("none").disabled = drawing;
  hint();
}

export function hint() {
  const one = of(shown);
  let text = "";
  if (page.drawing()) text = typed.value ? "Enter adds it." : "Draw a box around the number, or move this one with the arrows; type the number.";
  else if (one && isRevealed(one) && !one.decided) text = `It was read as ${one.read}. ${typed.value ? `Enter again: it is ${typed.value}.` : "Delete again: it is no number."} Or type what is there.`;
  else if (typed.value) text = `Enter: ${typed.value}. Esc forgets it.`;
  else if (one?.decided) text = "Enter keeps it; type to change it.";
  $("hint").textContent = text;
  return text;
}

export function placeOf(one) {
  const parts = [`page ${one.page}`];
  if (one.field) parts.push(`field ${one.field}`);
  else if (one.line) parts.push(`line ${one.line}, number ${one.item}`);
  if (one.table) parts.push(`table ${one.table}, row ${one.row}, column ${one.column}`);
  return parts.join(" · ");
}

// A part of a sentence.
export function described(one) {
  if (isHidden(one)) return "type what you see";
  if (one.decided) return `checked: ${one.number ?? "no number"}`;
  if (one.read === null) return `nothing was read in ${one.field ?? "this place"}`;
  return `read as ${one.read}, ${percent(one.confidence)} sure`;
}

// What a table's or form's cell shows of a number, and how sure that is.
export function inCell(one) {
  const text = (one.decided ? one.number : one.read) ?? "–";
  if (one.decided) return [text, "checked"];
  return [text, one.doubtful ? level(Math.min(one.confidence, SURE - 0.01)) : "sure"];
}

export function showDigits(one) {
  const left = one.digits.map((digit, i) => ({ ...digit, second: guessesOf(one.id)[i] }));
  const letters = isHidden(one) ? [] : [...(one.read ?? "")];
  $("digits").replaceChildren(...letters.map((letter) =>
    digitItem(letter, /\d/.test(letter) ? left.shift() : undefined)));
  $("digits").hidden = !letters.length;
}

function digitItem(letter, digit) {
  const item = document.createElement("li");
  item.append(withText("b", letter));
  if (!digit) {
    item.className = "sign";
    return item;
  }
  item.className = level(digit.confidence);
  item.append(withText("small", percent(digit.confidence)));
  if (digit.second?.[1] >= WORTH_SAYING) {
    const second = withText("small", `or ${digit.second[0]}: ${percent(digit.second[1])}`);
    second.title = "what the first network alone would read next";
    item.append(second);
  }
  return item;
}

function withText(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function showChance(one) {
  let strong = `${percent(one.confidence)} sure`;
  let rest = one.doubtful ? "to review" : "ok";
  if (isHidden(one)) {
    [strong, rest] = ["The reading is not shown", "Type what you see; Delete if it is no number."];
  } else if (one.decided) {
    strong = one.number === null ? "Checked: no number" : `Checked: ${one.number}`;
    rest = one.read === null ? "was missed" : `was read as ${one.read}`;
  } else if (one.read === null) {
    [strong, rest] = ["Nothing was read here", "Enter leaves it blank."];
  }
  $("chance").replaceChildren(withText("strong", strong), rest);
}

function showPicture(box, one, name) {
  const image = box.querySelector("img");
  const url = `pictures/${one.id}/${name}.png`;
  const lacking = box.querySelector(".lacking");
  if (lacking) lacking.textContent = "";
  image.style.visibility = "visible";
  image.onerror = async () => {
    image.style.visibility = "hidden";
    const why = lacking && (await whyNot(url));
    if (why && shown === one.id) lacking.textContent = why;
  };
  [image.width, image.height] = one[`${name}Size`];
  image.src = url;
}
