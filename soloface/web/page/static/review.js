// One card after the other. The next ones are fetched and decoded before they are needed; an answer
// is sent while the next card is shown, and what was not taken comes back.

import { ask, closeness, el, faceUrl, newKey, picture, portraits, say, short } from "/static/common.js";
import * as filters from "/static/filters.js";
import { insist, mayHelp } from "/static/insisting.js";
import { apart, measured, ruler } from "/static/scale.js";
import { whoIs } from "/static/who.js";

// Few, because what one moderator has ahead nobody else gets.
const AHEAD = 3;
const $ = (id) => document.getElementById(id);

const QUEUES = [...document.querySelectorAll("[data-queue]")].map((button) => button.dataset.queue);

const named = new URLSearchParams(location.search).get("queue");
let queue = QUEUES.includes(named) ? named : QUEUES[0];
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
    // A reason belongs to one queue: what the others hold was not counted then.
    const counted = button.dataset.queue === queue || !filters.asked(queue).has("reason");
    button.querySelector(".count").textContent = !counted ? "" : count >= 1000 ? "1,000+" : String(count);
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
  const query = filters.asked(queue);
  query.set("queue", queue);
  if (cursor) query.set("cursor", cursor);
  fetching = ask("POST", `/v1/review/claims?${query}`, { count: AHEAD })
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
      if (ours !== run) return null;
      if (!mayHelp(error)) {
        say(`The next photos did not come: ${error.message}`, "bad");
        return null;
      }
      say(`The next photos did not come: ${error.message}. Trying again…`, "bad");
      setTimeout(() => {
        if (ours !== run) return;
        // What is shown waits for its answer.
        if (shown) fetchMore();
        else next();
      }, 2000);
      return null;
    })
    .finally(() => {
      if (ours === run) fetching = null;
    });
  return fetching;
}

async function next() {
  const ours = run;
  let more = true;
  while (!cards.length && more) {
    more = await fetchMore();
    // A photo may have come back meanwhile, as its answer was not taken.
    if (ours !== run || more === null || shown) return;
  }
  show(cards.shift() ?? null);
  if (cards.length < AHEAD - 1 && cursor) fetchMore();
}

function show(prepared) {
  shown = prepared;
  $("card").hidden = !prepared;
  $("done").hidden = Boolean(prepared);
  if (!prepared) {
    $("done").querySelector("h2").textContent = filters.any(queue) ? "No photo here matches the filters." : "Nothing is left here.";
    $("empty").textContent = filters.any(queue)
      ? "Show all photos of this queue, or choose other filters or another queue."
      : "Every photo of this queue has its answer, or somebody else looks at it just now.";
    $("done").querySelector("[data-clear]").hidden = !filters.any(queue);
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
  measured.then((histogram) => {
    if (shown !== prepared) return;
    const marks = distances.map((near) => near.distance);
    $("scale").replaceChildren(...(marks.length ? ruler(marks, card.margin, scale, histogram) : []));
  });
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
  if (card.margin !== null) {
    parts.push(`the next user is ${card.margin.toFixed(2)} farther, ${apart(card.margin, scale)}`);
  }
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
  const path = `/v1/photos/${prepared.card.photo_id}/decision`;
  try {
    // The same key: an answer that was taken and not heard is not taken twice.
    const taken = await insist(() => ask("POST", path, body, { "Idempotency-Key": key }));
    say(`Kept: ${told(taken)}`);
    return taken;
  } catch (error) {
    bringBack(prepared, error);
    return null;
  }
}

function told(taken) {
  if (taken.decision === "nobody") return `photo ${short(taken.photo_id)} shows nobody to be tagged`;
  return `photo ${short(taken.photo_id)} is ${taken.matched_now ? `tagged with ${short(taken.matched_now)}` : "not tagged"}`;
}

async function bringBack(prepared, error) {
  const at = done.findIndex((entry) => entry.prepared === prepared);
  if (at >= 0) done.splice(at, 1);
  if (error.reason === "unknown_photo") {
    say("Not kept: that photo has been deleted meanwhile", "bad");
    return;
  }
  say(`Not kept: ${error.message}`, "bad");
  const photo = await seenAgain(prepared);
  if (photo) returnTo(prepared);
}

// The photo as it is now; null: it is gone.
async function seenAgain(prepared) {
  const photo = await insist(() => ask("GET", `/v1/photos/${prepared.card.photo_id}`)).catch(() => null);
  if (photo) prepared.card.version = photo.version;
  return photo;
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
  // It may not have got through yet.
  const taken = await entry.taken;
  if (entry.skipped) {
    returnTo(entry.prepared);
    return;
  }
  if (!taken) return;
  try {
    await insist(() => takenBack(taken.id));
    say("Taken back");
    if (await seenAgain(entry.prepared)) returnTo(entry.prepared);
  } catch (error) {
    say(`Not taken back: ${error.message}`, "bad");
  }
}

// If it was taken back and that was not heard, it is taken back.
let tried = null;
async function takenBack(id) {
  const again = tried === id;
  tried = id;
  try {
    await ask("POST", `/v1/decisions/${id}/undo`);
  } catch (error) {
    if (!(again && error.reason === "already_undone")) throw error;
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

async function askWho() {
  if (!shown) return;
  const prepared = shown;
  const user = await whoIs(prepared.card);
  if (user && shown === prepared) answer("confirm", user);
}

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
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.defaultPrevented) return;
  // Whoever writes says nothing.
  if ($("else").open || event.target.closest("input, select, textarea")) return;
  const name = keys[event.key.toLowerCase()];
  if (!name) return;
  event.preventDefault();
  answers[name]();
});

for (const button of document.querySelectorAll("[data-queue]")) {
  button.addEventListener("click", () => {
    queue = button.dataset.queue;
    changed();
  });
}

// What was fetched ahead is for others again.
function letGo() {
  return Promise.all(
    [shown, ...cards].filter(Boolean).map((prepared) =>
      ask("DELETE", `/v1/review/claims/${prepared.card.photo_id}`).catch(() => {}),
    ),
  );
}

// Other photos are wanted. First those are let go that are here, as they may be the same ones.
async function changed() {
  filters.keep(queue);
  filters.show(queue);
  const free = letGo();
  run += 1;
  cards = [];
  shown = null;
  const ours = run;
  await free;
  if (ours === run) begin();
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

filters.begin(queue, changed);
begin();
