// What is known of numbers: as the server told it last, with second guesses, pictures ahead of time.

import { get } from "./server.js";
import { pictureOf } from "./page.js";

const PICTURES = 144; // fetched ahead that are kept, so that the browser keeps them too

const numbers = new Map(); // by id
const guesses = new Map(); // by id: what comes of asking for them
const pictures = new Map(); // by address

export const of = (id) => numbers.get(id);
export const isOpen = (id) => !numbers.get(id)?.decided;

// Takes what the server told; an answer that was overtaken by a newer one is passed over.
export function take(told) {
  for (const one of told) {
    if (!(numbers.get(one.id)?.version > one.version)) numbers.set(one.id, one);
  }
}

export async function fetchNumbers(ids) {
  if (ids.length) take(await get("numbers", { ids: ids.join(",") }));
}

export async function known(id) {
  if (!numbers.has(id)) await fetchNumbers([id]);
  return numbers.get(id);
}

// For each digit the next guess and its chance; [] where there are none, or none yet.
const told = new Map();
export const guessesOf = (id) => told.get(id) ?? [];

// Guesses take reading the number's picture, so they are asked for after it.
export function guess(one) {
  if (!one.digits.length) return Promise.resolve();
  if (!guesses.has(one.id)) {
    const asked = get("guesses", { id: one.id });
    guesses.set(one.id, asked.then((found) => { told.set(one.id, found); }, () => {})); // the picture's place says why
  }
  return guesses.get(one.id);
}

export async function fetchAhead(ids) {
  await fetchNumbers(ids.filter((id) => !numbers.has(id)));
  for (const one of ids.map(of)) {
    for (const url of [`pictures/${one.id}/crop.png`, `pictures/${one.id}/line.png`, pictureOf(one)]) {
      if (pictures.has(url)) continue;
      const image = new Image();
      image.src = url;
      pictures.set(url, image);
    }
  }
  for (const url of [...pictures.keys()].slice(0, -PICTURES)) pictures.delete(url);
}
