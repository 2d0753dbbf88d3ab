// The page beside a number: its box, larger and smaller, moved about, and boxes drawn on it.

const PAGE_SIDES = [1400, 4200]; // pixels, as pictures.py has them
const MOST = 12; // times as wide as the view
const NUMBER_HIGH = 0.06; // of the view: a number is at least so high when it is shown

const viewport = document.getElementById("viewport");
const paper = document.getElementById("sheet-of-paper");
const picture = paper.querySelector("img");
const mark = paper.querySelector(".mark");
const drawn = paper.querySelector(".drawn");

let shown = null; // the number
let zoom = 1; // times as wide as the view
let box = null; // that is being drawn: x, y, width, height as parts of the page

export function place(element, [x, y, width, height]) {
  Object.assign(element.style, {
    left: `${100 * x}%`, top: `${100 * y}%`, width: `${100 * width}%`, height: `${100 * height}%`,
  });
}

export function pictureOf(number, side = PAGE_SIDES[0]) {
  return `pages/${number.pageId}/${side}.jpg`;
}

function wanted() { // the picture that is sharp enough at this size
  const wide = zoom * viewport.clientWidth * window.devicePixelRatio;
  const [width, height] = shown.pageSize;
  const side = wide * Math.max(1, height / width);
  return pictureOf(shown, PAGE_SIDES.find((one) => one >= side) ?? PAGE_SIDES.at(-1));
}

function load() {
  const url = wanted();
  if (picture.getAttribute("src") !== url) picture.src = url;
}

function fit() { // how large the whole page is in the view, times as wide
  const [width, height] = shown.pageSize;
  return Math.min(1, (viewport.clientHeight * width) / (height * viewport.clientWidth));
}

function resize(wanted, [x, y]) { // the place stays in the middle
  zoom = Math.min(MOST, Math.max(fit(), wanted));
  paper.style.width = `${100 * zoom}%`;
  paper.style.aspectRatio = shown.pageSize.join(" / ");
  viewport.scrollLeft = x * paper.clientWidth - viewport.clientWidth / 2;
  viewport.scrollTop = y * paper.clientHeight - viewport.clientHeight / 2;
  load();
}

function middle() { // of the view, as parts of the page, which may be narrower
  const { left, top } = viewport.getBoundingClientRect();
  const [x, y] = at({
    clientX: left + viewport.clientLeft + viewport.clientWidth / 2,
    clientY: top + viewport.clientTop + viewport.clientHeight / 2,
  });
  return [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))];
}

export function show(number) {
  const anew = !shown || shown.file !== number.file || shown.page !== number.page;
  shown = number;
  const [x, y, width, height] = number.onPage;
  place(mark, number.onPage);
  const pageHigh = (zoom * viewport.clientWidth * number.pageSize[1]) / number.pageSize[0];
  const large = NUMBER_HIGH * viewport.clientHeight / (height * pageHigh) * zoom;
  resize(anew ? Math.max(fit(), Math.min(large, 3)) : zoom, [x + width / 2, y + height / 2]);
}

export function larger(times) { if (shown) resize(zoom * times, middle()); }
export function whole() { if (shown) resize(0, [0.5, 0.5]); }
export function move(x, y) {
  viewport.scrollLeft += 0.2 * x * viewport.clientWidth;
  viewport.scrollTop += 0.2 * y * viewport.clientHeight;
}

export const drawing = () => box !== null;

export function draw() { // a box as large as the number's, in the middle of what is seen
  const [x, y] = middle();
  const [, , width, height] = shown.onPage;
  setBox([x - width / 2, y - height / 2, width, height]);
  viewport.classList.add("drawing");
}

export function drawnBox() { return box; }

export function endDrawing() {
  box = null;
  drawn.hidden = true;
  viewport.classList.remove("drawing");
}

export function moveBox(x, y, size) { // by keys: moved, or made larger and smaller
  const step = 0.2 * shown.onPage[3];
  const across = (x * step * shown.pageSize[1]) / shown.pageSize[0];
  const [left, top, width, height] = box;
  setBox(size ? [left, top, width + across, height + y * step] : [left + across, top + y * step, width, height]);
  drawn.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function setBox([x, y, width, height]) {
  const least = 4 / Math.max(...shown.pageSize);
  width = Math.min(1, Math.max(least, width));
  height = Math.min(1, Math.max(least, height));
  box = [Math.min(1 - width, Math.max(0, x)), Math.min(1 - height, Math.max(0, y)), width, height];
  place(drawn, box);
  drawn.hidden = false;
}

function at(event) {
  const { left, top, width, height } = paper.getBoundingClientRect();
  return [(event.clientX - left) / width, (event.clientY - top) / height];
}

// The mouse draws while a number is being added, and else moves the page.
export function listen(whenDrawn) {
  let from = null;
  viewport.addEventListener("pointerdown", (event) => {
    if (!shown || event.button !== 0) return;
    from = box ? at(event) : [event.clientX, event.clientY];
    viewport.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  viewport.addEventListener("pointermove", (event) => {
    if (!from) return;
    if (box) {
      const to = at(event);
      const [left, top] = [Math.min(from[0], to[0]), Math.min(from[1], to[1])];
      setBox([left, top, Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])]);
    } else {
      viewport.scrollLeft -= event.clientX - from[0];
      viewport.scrollTop -= event.clientY - from[1];
      from = [event.clientX, event.clientY];
    }
  });
  viewport.addEventListener("pointerup", () => {
    if (from && box) whenDrawn();
    from = null;
  });
  viewport.addEventListener("wheel", (event) => {
    if (!shown || !event.ctrlKey) return; // without it the wheel scrolls
    event.preventDefault();
    resize(zoom * (event.deltaY < 0 ? 1.2 : 1 / 1.2), at(event));
  }, { passive: false });
  new ResizeObserver(() => shown && resize(zoom, middle())).observe(viewport);
}
