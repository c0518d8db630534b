// One's own decisions, the newest first, each to be taken back.

import { ask, el, faceUrl, picture, say, short, when } from "/static/common.js";

const $ = (id) => document.getElementById(id);
let before = null;

function said(entry) {
  const words = {
    confirmed: `is ${short(entry.user_id)}`,
    rejected: `is not ${short(entry.user_id)}`,
    nobody: "shows nobody to be tagged",
    forgotten: "earlier words taken back",
  };
  return words[entry.decision];
}

function item(entry) {
  const undo = el("button", {
    type: "button",
    disabled: Boolean(entry.undone_at),
    onclick: async () => {
      undo.disabled = true;
      try {
        await ask("POST", `/v1/decisions/${entry.id}/undo`);
        undo.textContent = "Taken back";
      } catch (error) {
        undo.disabled = error.status === 409;
        say(`Not taken back: ${error.message}`, "bad");
      }
    },
  }, entry.undone_at ? "Taken back" : "Undo");
  undo.setAttribute("aria-label", `Undo: photo ${short(entry.photo_id)} ${said(entry)}`);
  return el(
    "li",
    {},
    el("span", { class: "small" }, picture(faceUrl(entry.photo_id, entry.face_index ?? 0, 128), "The face", { loading: "lazy" })),
    el("span", {}, el("a", { href: `/photos/${entry.photo_id}` }, `Photo ${short(entry.photo_id)}`), ` ${said(entry)}`, el("br"), el("span", { class: "quiet" }, when(entry.decided_at))),
    undo,
  );
}

async function more() {
  const page = await ask("GET", `/v1/decisions?limit=50${before ? `&before=${before}` : ""}`);
  before = page.next;
  $("more").hidden = !before;
  $("decisions").append(...page.decisions.map(item));
  $("done").hidden = Boolean($("decisions").children.length);
}

const tryMore = () => more().catch((error) => say(error.message, "bad"));
$("more").addEventListener("click", tryMore);
tryMore();
