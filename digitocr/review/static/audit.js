// An audit: a sample is looked at, and nobody is told how a number was read until they have said it.

import { get } from "./server.js";

let audit = null; // { shown }, where there is one
let revealed = null; // id of the number whose reading is shown because the answer differs

export function begin(told) { audit = told; }
export const isAudit = () => audit !== null;
export const isHidden = (one) => audit !== null && !audit.shown && !one.decided && revealed !== one.id;
export const isRevealed = (one) => revealed === one.id;
export function reveal(one) { revealed = one.id; }
export function forget() { revealed = null; }

// What it has come to, and what would tell more.
export async function summary() {
  const told = await get("audit");
  const sizes = told.sizes.map(([bound, size]) =>
    `To show that no more than ${100 * bound} % are takes a sample of ${size}.`);
  sizes.push("u takes the last answer back, Ctrl-C in the terminal ends the audit.");
  return [`${told.sentence}.`, sizes.join(" ")];
}
