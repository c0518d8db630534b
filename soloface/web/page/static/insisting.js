// Answers on their way. Each is sent until the server has said what became of it, and the page does
// not say that it was kept before.

import { Refused, say } from "/static/common.js";

const LONGEST_MS = 5000;

// Whether the same request may be answered later.
export const mayHelp = (error) => error instanceof Refused && [0, 429, 503].includes(error.status);

let waiting = 0;
let wake = [];

addEventListener("online", () => {
  wake.forEach((go) => go());
  wake = [];
});
// Whoever leaves now may lose a word.
addEventListener("beforeunload", (event) => {
  if (waiting) event.preventDefault();
});

const pause = (ms) =>
  new Promise((go) => {
    wake.push(go);
    setTimeout(go, ms);
  });

// `request` must do no harm if it is made twice.
export async function insist(request) {
  waiting += 1;
  try {
    for (let tries = 0; ; tries++) {
      try {
        return await request();
      } catch (error) {
        if (!mayHelp(error)) throw error;
        const what = waiting > 1 ? `${waiting} answers are` : "your answer is";
        say(`Not known yet whether ${what} kept: ${error.message}. Trying again…`, "bad");
        await pause(Math.min(300 * 2 ** tries, LONGEST_MS));
      }
    }
  } finally {
    waiting -= 1;
  }
}
