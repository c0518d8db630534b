// Groups of unknown faces: one answer names many.

import { ask, el, isId, newKey, say } from "/static/common.js";
import { chosen, tile } from "/static/choosing.js";

const $ = (id) => document.getElementById(id);

function section(group, number) {
  const faces = el("div", { class: "grid" });
  const count = el("span", { class: "quiet" });
  const input = el("input", { id: `who-${number}`, autocomplete: "off", spellcheck: "false", placeholder: "a user's id" });
  const changed = () => {
    const some = chosen(faces).length;
    count.textContent = `${some} of ${group.cards.length} chosen`;
    for (const button of buttons) button.disabled = !some;
  };
  const say_all = async (decision) => {
    const user = input.value.trim().toLowerCase();
    if (decision === "confirm" && !isId(user)) {
      say("Give the id of a user first", "bad");
      input.focus();
      return;
    }
    for (const button of buttons) button.disabled = true;
    for (const button of chosen(faces)) {
      const card = button.photo;
      const body = { decision, version: card.version };
      if (decision === "confirm") Object.assign(body, { user_id: user, face_index: card.face_index });
      try {
        await ask("POST", `/v1/photos/${card.photo_id}/decision`, body, { "Idempotency-Key": newKey() });
        button.remove();
      } catch (error) {
        say(`Not kept: ${error.message}`, "bad");
      }
    }
    changed();
    if (!faces.children.length) {
      whole.remove();
      $("done").hidden = Boolean($("groups").children.length);
      say("Kept. Each can be taken back under My decisions.");
    }
  };
  const buttons = [
    el("button", { type: "button", class: "yes", onclick: () => say_all("confirm") }, "All chosen are this user"),
    el("button", { type: "button", onclick: () => say_all("nobody") }, "Nobody to be tagged"),
  ];
  const whole = el(
    "section",
    { class: "group", "aria-labelledby": `group-${number}` },
    el("h2", { id: `group-${number}` }, `${group.cards.length} photos of perhaps one person`),
    faces,
    el("div", { class: "answers" }, el("label", { for: `who-${number}`, class: "hidden" }, "The user's id"), input, ...buttons, count),
  );
  faces.append(...group.cards.map((card) => tile(card, "", true, changed)));
  changed();
  return whole;
}

ask("GET", "/v1/review/groups")
  .then((found) => {
    $("groups").replaceChildren(...found.groups.map(section));
    $("done").hidden = Boolean(found.groups.length);
  })
  .catch((error) => say(error.message, "bad"));
