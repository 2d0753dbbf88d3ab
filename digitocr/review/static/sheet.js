// A table or form in its own shape: a cell for each number, with its picture and reading.

import { described, inCell } from "./number.js";

const section = document.getElementById("sheet");
const title = section.querySelector("h3");
const table = section.querySelector("table");

export const isOpen = () => !section.hidden;
export function close() {
  section.hidden = true;
  document.body.classList.remove("sheet-open");
}

// The numbers in each cell of a table, by rows and columns; of a form each field is a row of one.
function rowsOf(numbers) {
  if (numbers[0].field !== null) {
    const fields = new Map(numbers.map((one) => [one.field, []]));
    for (const one of numbers) fields.get(one.field).push(one);
    return [...fields.values()].map((cell) => [cell]);
  }
  const rows = [];
  for (const one of numbers) {
    const row = (rows[one.row - 1] ??= []);
    (row[one.column - 1] ??= []).push(one);
  }
  const width = Math.max(...rows.map((row) => row?.length ?? 0));
  return Array.from(rows, (row) => Array.from({ length: width }, (_, i) => row?.[i] ?? []));
}

export function open(numbers, current) {
  const isForm = numbers[0].field !== null;
  title.textContent = isForm ? "The whole form" : `Table ${numbers[0].table}, whole`;
  table.replaceChildren(...rowsOf(numbers).map((row, i) => {
    const line = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = isForm ? row[0][0].field : i + 1;
    line.append(head, ...row.map((cell) => {
      const data = document.createElement("td");
      data.append(...cell.map(button));
      return data;
    }));
    return line;
  }));
  section.hidden = false;
  document.body.classList.add("sheet-open");
  mark(current);
}

function button(number) {
  const made = document.createElement("button");
  made.type = "button";
  made.dataset.id = number.id;
  const image = document.createElement("img");
  image.loading = "lazy";
  image.alt = "";
  image.src = `pictures/${number.id}/crop.png`;
  const text = document.createElement("span");
  made.append(image, text);
  fill(made, number);
  return made;
}

function fill(made, number) {
  [made.querySelector("span").textContent, made.className] = inCell(number);
  made.setAttribute("aria-label", described(number));
}

export function refill(number) {
  const made = table.querySelector(`button[data-id="${number.id}"]`);
  if (made) fill(made, number);
}

export function listen(choose) {
  table.addEventListener("click", (event) => {
    const made = event.target.closest("button");
    if (made) choose(Number(made.dataset.id));
  });
}

export function mark(id) {
  for (const one of table.querySelectorAll("button")) {
    const current = Number(one.dataset.id) === id;
    if (current) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
    one.tabIndex = current ? 0 : -1; // arrows go from cell to cell
    if (current) one.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

export function ids() {
  return [...table.querySelectorAll("button")].map((one) => Number(one.dataset.id));
}

// The number that is nearest in a direction, as rows and columns lie; undefined at the edge.
export function beside(id, x, y) {
  const cells = [...table.rows].map((row) => [...row.cells].slice(1).map((cell) =>
    [...cell.querySelectorAll("button")].map((one) => Number(one.dataset.id))));
  let row = cells.findIndex((line) => line.some((cell) => cell.includes(id)));
  if (row < 0) return undefined;
  if (!y) {
    const line = cells[row].flat();
    return line[line.indexOf(id) + x];
  }
  const column = cells[row].findIndex((cell) => cell.includes(id));
  for (row += y; cells[row]; row += y) {
    if (cells[row][column]?.length) return cells[row][column][0];
  }
  return undefined;
}
