// What the page says: the line at its foot, which screen readers read out, the banner, progress.

const line = document.getElementById("status");
const banner = document.getElementById("banner");
const bar = document.getElementById("bar");
const counts = document.getElementById("counts");
const ENOUGH = 5; // decisions that tell how many an hour there will be

let ended = false; // the server can't be reached

export const hasEnded = () => ended;

export function say(...sentences) {
  line.textContent = sentences.filter(Boolean).join(" ");
}

export function fail(error) {
  if (error.status === 0) {
    ended = true;
    warn(error.message);
  }
  say(error.message);
}

// Is read out when it changes, not each time it is told.
function warn(text) {
  banner.hidden = !text;
  if (banner.textContent !== text) banner.textContent = text;
}

function showTrouble(trouble) {
  if (!trouble && banner.textContent && !ended) say("Results show all decisions again.");
  warn(trouble && `${trouble[0].toUpperCase()}${trouble.slice(1)}. No decision is lost; writing is tried again.`);
}

export function showProgress(told) {
  const left = told.asked - told.done;
  const parts = [`${told.done} of ${told.asked} checked`, `${left} left`];
  if (told.hourly && told.decided >= ENOUGH) {
    parts.push(`${told.hourly} an hour`);
    const minutes = Math.ceil((60 * left) / told.hourly);
    if (left) parts.push(minutes < 120 ? `about ${minutes} min` : `about ${Math.round(minutes / 60)} h`);
  }
  bar.max = told.asked || 1;
  bar.value = told.asked ? told.done : 1;
  counts.textContent = parts.join(" · ");
  showTrouble(told.trouble);
  ended = false;
}
