// A table or form in its own shape: a cell for each number, with its picture and reading.

const section = document.getElementById("sheet");
const title = section.querySelector("h3");
const table = section.querySelector("table");

export const isOpen = () => !section.hidden;
export function close() {
  section.hidden = true;
  document.body.classList.remove("sheet-open");
}

// Numbers of a table by rows and columns; of a form, a row a field.
function rowsOf(numbers) {
  if (numbers[0].field !== null) return numbers.map((one) => [[one]]);
  const rows = [];
  for (const one of numbers) {
    const row = (rows[one.row - 1] ??= []);
    (row[one.column - 1] ??= []).push(one);
  }
  const width = Math.max(...rows.map((row) => row?.length ?? 0));
  return Array.from(rows, (row) => Array.from({ length: width }, (_, i) => row?.[i] ?? []));
}

export function open(numbers, current, choose, fill) {
  const isForm = numbers[0].field !== null;
  title.textContent = isForm ? "The whole form" : `Table ${numbers[0].table}, whole`;
  table.replaceChildren(...rowsOf(numbers).map((row, i) => {
    const line = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = isForm ? row[0][0].field : i + 1;
    line.append(head, ...row.map((cell) => {
      const data = document.createElement("td");
      data.append(...cell.map((one) => button(one, choose, fill)));
      return data;
    }));
    return line;
  }));
  section.hidden = false;
  document.body.classList.add("sheet-open");
  mark(current);
}

function button(number, choose, fill) {
  const made = document.createElement("button");
  made.type = "button";
  made.dataset.id = number.id;
  made.tabIndex = -1; // arrows go from cell to cell
  const image = document.createElement("img");
  image.loading = "lazy";
  image.alt = "";
  image.src = `pictures/${number.id}/crop.png`;
  const text = document.createElement("span");
  made.append(image, text);
  made.addEventListener("click", () => choose(number.id));
  fill(made, text, number);
  return made;
}

export function refill(number, fill) {
  const made = table.querySelector(`button[data-id="${number.id}"]`);
  if (made) fill(made, made.querySelector("span"), number);
}

export function mark(id) {
  for (const one of table.querySelectorAll("button")) {
    const current = Number(one.dataset.id) === id;
    one.toggleAttribute("aria-current", current);
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
