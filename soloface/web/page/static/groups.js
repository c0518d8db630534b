// Groups of unknown faces: one answer names many.

import { ask, el, isId, say, short } from "/static/common.js";
import { answerAll, chosen, tile } from "/static/choosing.js";
import * as filters from "/static/filters.js";
import { whoIs } from "/static/who.js";

const $ = (id) => document.getElementById(id);
const mayEnrol = $("new-user") !== null;

function section(group, number) {
  const faces = el("div", { class: "grid" });
  const count = el("span", { class: "quiet", "aria-live": "polite" });
  const changed = () => {
    const some = chosen(faces).length;
    count.textContent = `${some} of ${faces.children.length} chosen`;
    for (const button of buttons) button.disabled = !some;
  };
  // One thing after the other, and then what is left.
  const during = async (work) => {
    for (const button of buttons) button.disabled = true;
    await work();
    changed();
    if (faces.children.length) return;
    whole.remove();
    $("main").focus({ preventScroll: true });
    ended();
  };
  const sayAll = (wordFor) =>
    during(async () => {
      const refused = await answerAll(faces, wordFor);
      if (!refused) say("Kept. Each can be taken back under My decisions.");
    });
  const name = async () => {
    const [first] = chosen(faces);
    const user = await whoIs(first.photo);
    if (!user) return;
    sayAll((card) => ({ decision: "confirm", user_id: user, face_index: card.face_index, version: card.version }));
  };
  const enrol = async () => {
    const user = await askNew(chosen(faces).length);
    if (user) during(() => enrolled(faces, user));
  };
  const buttons = [
    el("button", { type: "button", class: "yes", onclick: name }, "All chosen are…"),
    el("button", { type: "button", onclick: () => sayAll((card) => ({ decision: "nobody", version: card.version })) }, "Nobody to be tagged"),
    ...(mayEnrol ? [el("button", { type: "button", onclick: enrol }, "Somebody new…")] : []),
  ];
  const whole = el(
    "section",
    { class: "group", "aria-labelledby": `group-${number}` },
    el("h2", { id: `group-${number}` }, `${group.cards.length} photos of perhaps one person`),
    faces,
    el("div", { class: "answers" }, ...buttons, count),
  );
  faces.append(...group.cards.map((card) => tile(card, "", true, changed)));
  changed();
  return whole;
}

// The id of somebody who is to be enrolled; null: nobody is.
function askNew(faces) {
  const dialog = $("new-user");
  dialog.querySelector("#new-said").textContent =
    `The best of the ${faces} chosen photos become their portrait. They must have agreed to it.`;
  $("new-id").value = "";
  $("new-wrong").hidden = true;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      done(dialog.returnValue === "yes" ? $("new-id").value.trim().toLowerCase() : null);
    }, { once: true });
  });
}

$("new-user")?.querySelector("form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "yes" || isId($("new-id").value.trim().toLowerCase())) return;
  event.preventDefault();
  $("new-wrong").textContent = "That is not the id of a user.";
  $("new-wrong").hidden = false;
  $("new-id").focus();
});

async function enrolled(faces, user) {
  const tiles = chosen(faces);
  const shown = tiles.map(({ photo }) => ({ photo_id: photo.photo_id, face_index: photo.face_index }));
  try {
    const done = await ask("POST", "/v1/review/groups/user", { user_id: user, faces: shown });
    tiles.forEach((button) => button.remove());
    const by = done.status === "unchanged" ? "by these photos already" : `by ${done.used.length} of these photos`;
    say(`User ${short(user)} is enrolled ${by}. The tags follow as soon as a worker has matched the faces again.`);
  } catch (error) {
    say(`Not enrolled: ${error.message}${(error.refused ?? []).map((one) => `; ${one.reason}`).join("")}`, "bad");
  }
}

function ended() {
  const none = !$("groups").children.length;
  $("done").hidden = !none;
  const filtered = filters.any("unknown");
  $("done").querySelector("h2").textContent = filtered
    ? "No unknown faces that match the filters look like one person."
    : "No unknown faces look like one person.";
  $("done").querySelector("[data-clear]").hidden = !filtered;
}

let run = 0;

async function load() {
  const ours = ++run;
  filters.keep("");
  filters.show("unknown");
  $("groups").replaceChildren();
  $("done").hidden = true;
  try {
    const found = await ask("GET", `/v1/review/groups?${filters.asked("unknown")}`);
    if (ours !== run) return;
    $("groups").replaceChildren(...found.groups.map(section));
    ended();
  } catch (error) {
    say(error.message, "bad");
  }
}

filters.begin("unknown", load);
load();
