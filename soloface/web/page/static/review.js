// One card after the other. The next ones are fetched and decoded before they are needed; an answer
// is sent while the next card is shown, and what was not taken comes back.

import { Refused, ask, closeness, el, faceUrl, isId, newKey, picture, portraits, ruler, say, short } from "/static/common.js";

// Few, because what one moderator has ahead nobody else gets.
const AHEAD = 3;
const $ = (id) => document.getElementById(id);

let queue = new URLSearchParams(location.search).get("queue") ?? "doubtful";
let cards = [];
let cursor = null;
let scale = null;
let shown = null;
let fetching = null;
let seen = new Set();
let run = 0;
const done = [];

function counts(waiting) {
  for (const button of document.querySelectorAll("[data-queue]")) {
    const count = waiting[button.dataset.queue];
    button.querySelector(".count").textContent = count >= 1000 ? "1,000+" : String(count);
    if (button.dataset.queue === queue) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

// Everything that a card shows, loaded and decoded.
function prepare(card) {
  const first = proposed(card);
  const face = picture(faceUrl(card.photo_id, card.face_index), "The face on the photo");
  const whole = picture(
    `/v1/photos/${card.photo_id}/image?px=1024&frame=${card.face_index}`,
    "The whole photo, with a frame around the face",
  );
  face.decode().catch(() => {});
  whole.decode().catch(() => {});
  const others = card.candidates
    .filter((near) => near.user_id !== first?.user_id && !near.rejected)
    .slice(0, 2);
  return {
    card,
    first,
    others,
    face,
    whole,
    portraits: new Map(
      [first, ...others].filter(Boolean).map((near) => [near.user_id, portraits(near.user_id)]),
    ),
  };
}

function proposed(card) {
  if (card.user_id) {
    const near = card.candidates.find((candidate) => candidate.user_id === card.user_id);
    return near ?? { user_id: card.user_id, distance: card.distance };
  }
  return card.candidates.find((candidate) => !candidate.rejected) ?? null;
}

async function fetchMore() {
  if (fetching) return fetching;
  const ours = run;
  const after = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
  fetching = ask("POST", `/v1/review/claims?queue=${queue}${after}`, { count: AHEAD })
    .then((page) => {
      if (ours !== run) return false;
      scale = page.scale;
      counts(page.waiting);
      cursor = page.next;
      const fresh = page.cards.filter((card) => !seen.has(card.photo_id));
      fresh.forEach((card) => seen.add(card.photo_id));
      cards.push(...fresh.map(prepare));
      return page.cards.length > 0 && page.next !== null;
    })
    .catch((error) => {
      say(`The next photos did not come: ${error.message}. Trying again…`, "bad");
      setTimeout(() => { if (ours === run) next(); }, 2000);
      return null;
    })
    .finally(() => (fetching = null));
  return fetching;
}

async function next() {
  const ours = run;
  let more = true;
  while (!cards.length && more) {
    more = await fetchMore();
    if (ours !== run) return;
    if (more === null) return;
  }
  show(cards.shift() ?? null);
  if (cards.length < AHEAD - 1 && cursor) fetchMore();
}

function show(prepared) {
  shown = prepared;
  $("card").hidden = !prepared;
  $("done").hidden = Boolean(prepared);
  if (!prepared) {
    $("done").querySelector("h2").focus({ preventScroll: true });
    return;
  }
  const { card, first, others, face, whole } = prepared;
  $("question").textContent = question(card, first);
  $("why").textContent = why(card, first);
  $("face").replaceChildren(face);
  $("whole").replaceChildren(el("a", { href: `/photos/${card.photo_id}` }, whole));
  $("proposed").replaceChildren(el("span", { class: "gone" }, first ? "…" : "Near nobody"));
  $("proposed-name").replaceChildren(
    first ? el("a", { href: `/people/${first.user_id}` }, `User ${short(first.user_id)}`) : "Nobody is near",
  );
  const distances = [first, ...others].filter((near) => near && near.distance !== null);
  $("scale").replaceChildren(distances.length ? ruler(distances.map((near) => near.distance), scale) : "");
  $("others").replaceChildren(...others.map((near, place) => other(near, place)));
  document.querySelector(".others").hidden = !others.length;
  for (const answer of ["yes", "no"]) {
    document.querySelector(`#card [data-answer=${answer}]`).disabled = !first;
  }
  fill($("proposed"), first, prepared);
  $("question").focus({ preventScroll: true });
}

async function fill(frame, near, prepared) {
  if (!near) return;
  const images = await prepared.portraits.get(near.user_id);
  if (shown !== prepared) return;
  frame.replaceChildren(...(images.length ? images : [el("span", { class: "gone" }, "No enrolled photo was kept")]));
}

function other(near, place) {
  const frame = el("span", { class: "small" }, el("span", { class: "gone" }, "…"));
  const button = el(
    "button",
    { type: "button", class: "candidate", onclick: () => answer("confirm", near.user_id), "aria-keyshortcuts": String(place + 2) },
    frame,
    el("span", {}, `User ${short(near.user_id)}`),
    el("span", { class: "quiet" }, `${near.distance.toFixed(2)} · ${closeness(near.distance, scale)} `, el("kbd", {}, String(place + 2))),
  );
  fill(frame, near, shown);
  return button;
}

function question(card, first) {
  if (!first) return "Who is this?";
  return card.user_id ? `Is this ${short(first.user_id)}, as tagged?` : `Is this ${short(first.user_id)}?`;
}

function why(card, first) {
  const parts = [];
  if (first?.distance !== null && first?.distance !== undefined) {
    parts.push(`Distance ${first.distance.toFixed(2)}: ${closeness(first.distance, scale)}`);
  }
  if (card.margin !== null) parts.push(`the next user is ${card.margin.toFixed(2)} farther`);
  const reasons = {
    ambiguous: "two users are about as near, so nobody was tagged",
    no_user_within_distance: "beyond the limit, so nobody was tagged",
    no_enrolled_users: "nobody was enrolled",
    matched: "tagged",
  };
  if (reasons[card.reason]) parts.push(reasons[card.reason]);
  const text = parts.join("; ");
  return text ? `${text[0].toUpperCase()}${text.slice(1)}.` : "";
}

function answer(decision, user = null) {
  if (!shown) return;
  const prepared = shown;
  const body = { decision, version: prepared.card.version };
  if (user) {
    body.user_id = user;
    if (decision === "confirm") body.face_index = prepared.card.face_index;
  }
  const entry = { prepared, taken: send(prepared, body, newKey()) };
  done.push(entry);
  shown = null; // until the next one is there, a key answers nothing
  next();
}

async function send(prepared, body, key) {
  for (let tries = 0; ; tries++) {
    try {
      const taken = await ask("POST", `/v1/photos/${prepared.card.photo_id}/decision`, body, { "Idempotency-Key": key });
      say(`Kept: ${told(taken)}`);
      return taken;
    } catch (error) {
      // The same key: an answer that was taken and not heard is not taken twice.
      if (error instanceof Refused && [0, 429, 503].includes(error.status) && tries < 5) {
        say(`Not kept yet: ${error.message}. Trying again…`, "bad");
        await new Promise((go) => setTimeout(go, 300 * 2 ** tries));
        continue;
      }
      bringBack(prepared, error);
      return null;
    }
  }
}

function told(taken) {
  if (taken.decision === "nobody") return `photo ${short(taken.photo_id)} shows nobody to be tagged`;
  return `photo ${short(taken.photo_id)} is ${taken.matched_now ? `tagged with ${short(taken.matched_now)}` : "not tagged"}`;
}

async function bringBack(prepared, error) {
  say(`Not kept: ${error.message}`, "bad");
  const at = done.findIndex((entry) => entry.prepared === prepared);
  if (at >= 0) done.splice(at, 1);
  const photo = await ask("GET", `/v1/photos/${prepared.card.photo_id}`).catch(() => null);
  if (!photo) return;
  prepared.card.version = photo.version;
  returnTo(prepared);
}

function returnTo(prepared) {
  if (shown) cards.unshift(shown);
  show(prepared);
}

async function undo() {
  const entry = done.pop();
  if (!entry) {
    say("Nothing to take back here. Earlier answers are under My decisions.");
    return;
  }
  const taken = await entry.taken;
  if (entry.skipped) {
    returnTo(entry.prepared);
    return;
  }
  if (!taken) return;
  try {
    await ask("POST", `/v1/decisions/${taken.id}/undo`);
    const photo = await ask("GET", `/v1/photos/${taken.photo_id}`);
    entry.prepared.card.version = photo.version;
    say("Taken back");
    returnTo(entry.prepared);
  } catch (error) {
    say(`Not taken back: ${error.message}`, "bad");
  }
}

function skip() {
  if (!shown) return;
  const prepared = shown;
  ask("DELETE", `/v1/review/claims/${prepared.card.photo_id}`).catch(() => {});
  done.push({ prepared, taken: Promise.resolve(null), skipped: true });
  shown = null;
  next();
}

function askWho() {
  if (!shown) return;
  $("else-wrong").hidden = true;
  $("user-id").value = "";
  $("else").showModal();
}

$("else").querySelector("form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "yes") return;
  const id = $("user-id").value.trim().toLowerCase();
  if (!isId(id)) {
    event.preventDefault();
    $("else-wrong").textContent = "That is not the id of a user.";
    $("else-wrong").hidden = false;
    return;
  }
  answer("confirm", id);
});

const answers = {
  yes: () => shown?.first && answer("confirm", shown.first.user_id),
  no: () => shown?.first && answer("reject", shown.first.user_id),
  nobody: () => answer("nobody"),
  else: askWho,
  skip,
  undo,
  second: () => shown?.others[0] && answer("confirm", shown.others[0].user_id),
  third: () => shown?.others[1] && answer("confirm", shown.others[1].user_id),
};
const keys = { y: "yes", n: "no", x: "nobody", e: "else", s: "skip", u: "undo", 1: "yes", 2: "second", 3: "third" };

for (const button of document.querySelectorAll("[data-answer]")) {
  button.addEventListener("click", () => answers[button.dataset.answer]());
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || $("else").open) return;
  const name = keys[event.key.toLowerCase()];
  if (!name) return;
  event.preventDefault();
  answers[name]();
});

for (const button of document.querySelectorAll("[data-queue]")) {
  button.addEventListener("click", () => {
    letGo();
    queue = button.dataset.queue;
    history.replaceState(null, "", `?queue=${queue}`);
    begin();
  });
}

// What was fetched ahead is for others again.
function letGo() {
  for (const prepared of [shown, ...cards].filter(Boolean)) {
    ask("DELETE", `/v1/review/claims/${prepared.card.photo_id}`).catch(() => {});
  }
}

function begin() {
  run += 1;
  cards = [];
  cursor = null;
  shown = null;
  fetching = null;
  seen = new Set();
  next();
}

begin();
