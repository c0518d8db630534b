// Who it is: by an id, or by the face, among the users who are nearest to it.

import { ask, closeness, el, isId, portraits, short } from "/static/common.js";

const $ = (id) => document.getElementById(id);
const dialog = $("else");
const MOST = 9;

let buttons = [];
let chosen = null;
let asking = 0;

function choose(user) {
  chosen = user;
  dialog.close("yes");
}

function candidate(near, scale, place) {
  const frame = el("span", { class: "small" }, el("span", { class: "gone" }, "…"));
  portraits(near.user_id, 1, 256).then((images) => {
    frame.replaceChildren(...(images.length ? images : [el("span", { class: "gone" }, "No photo was kept")]));
  });
  return el(
    "button",
    { type: "button", class: "candidate", "aria-keyshortcuts": String(place + 1), onclick: () => choose(near.user_id) },
    frame,
    el("span", {}, `User ${short(near.user_id)}`),
    el("span", { class: "quiet" }, `${near.distance.toFixed(2)} · ${closeness(near.distance, scale)} `, el("kbd", {}, String(place + 1))),
  );
}

async function lookFor(card) {
  const ours = ++asking;
  buttons = [];
  $("nearest").replaceChildren();
  $("nearest-said").textContent = "Looking for the nearest users…";
  let found;
  try {
    found = await ask("GET", `/v1/photos/${card.photo_id}/faces/${card.face_index}/users?limit=${MOST}`);
  } catch (error) {
    if (ours === asking) $("nearest-said").textContent = `The nearest users did not come: ${error.message}. Give an id.`;
    return;
  }
  if (ours !== asking) return;
  const where = found.gallery ? ` in the gallery ${found.gallery}` : "";
  $("nearest-said").textContent = found.users.length
    ? `The nearest users${where}:`
    : `Nobody else is enrolled${where}. Give an id.`;
  buttons = found.users.map((near, place) => candidate(near, found.scale, place));
  $("nearest").replaceChildren(...buttons);
}

// Ask who is on a card; the id of a user, or null.
export function whoIs(card) {
  chosen = null;
  $("else-wrong").hidden = true;
  $("user-id").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  lookFor(card);
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      asking += 1;
      done(dialog.returnValue === "yes" ? chosen : null);
    }, { once: true });
  });
}

dialog.querySelector("form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "yes") return;
  const id = $("user-id").value.trim().toLowerCase();
  if (isId(id)) {
    chosen = id;
    return;
  }
  event.preventDefault();
  $("else-wrong").textContent = "That is not the id of a user.";
  $("else-wrong").hidden = false;
});

dialog.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.target === $("user-id")) return;
  const button = /^[1-9]$/.test(event.key) ? buttons[Number(event.key) - 1] : null;
  if (!button) return;
  event.preventDefault();
  button.click();
});
