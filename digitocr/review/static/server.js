// Talks to the server that this page is from, and to no other.

export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status; // 0: the server can't be reached
  }
}

async function answered(asking) {
  let answer;
  try {
    answer = await asking;
  } catch {
    throw new Refused(0, "The server has ended. No decision is lost: run the command again, and open the address that it prints.");
  }
  if (answer.ok) return answer.json();
  const text = await answer.text();
  let sentence = text;
  try {
    sentence = JSON.parse(text).error;
  } catch { /* it is plain text */ }
  throw new Refused(answer.status, sentence);
}

export function get(what, parameters = {}) {
  return answered(fetch(`${what}?${new URLSearchParams(parameters)}`));
}

export function post(what, told) {
  const body = JSON.stringify(told);
  return answered(fetch(what, { method: "POST", headers: { "content-type": "application/json" }, body }));
}

// Why a picture is not there: the sentence that the server gives in its place.
export async function whyNot(url) {
  try {
    await answered(fetch(url));
    return "";
  } catch (error) {
    return error.message;
  }
}
