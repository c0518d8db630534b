// Faces to choose among, several at once.

import { ask, el, faceUrl, newKey, picture, say } from "/static/common.js";
import { insist } from "/static/insisting.js";

export function tile(photo, caption, chosen, changed) {
  const button = el(
    "button",
    {
      type: "button",
      class: "tile",
      "aria-pressed": String(chosen),
      onclick: () => {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        changed();
      },
    },
    picture(faceUrl(photo.photo_id, photo.face_index, 256), "A face", { loading: "lazy" }),
    el("span", {}, caption),
  );
  button.photo = photo;
  return button;
}

export const chosen = (parent) => [...parent.querySelectorAll(".tile[aria-pressed=true]")];

const AT_A_TIME = 4;

// Say the same of each chosen photo; what was taken leaves the page. Returns how many did not.
export async function answerAll(parent, wordFor) {
  const waiting = chosen(parent);
  let refused = 0;
  const work = async () => {
    for (let button = waiting.shift(); button; button = waiting.shift()) {
      const path = `/v1/photos/${button.photo.photo_id}/decision`;
      const key = newKey();
      const word = wordFor(button.photo);
      try {
        await insist(() => ask("POST", path, word, { "Idempotency-Key": key }));
        button.remove();
      } catch (error) {
        refused += 1;
        say(`Not kept: ${error.message}`, "bad");
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return refused;
}
