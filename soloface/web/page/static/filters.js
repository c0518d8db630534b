// Which photos are wanted. The address says it, so that it survives a reload and can be passed on.

import { isId } from "/static/common.js";

const $ = (id) => document.getElementById(id);
const form = $("filter-form");
const NAMES = ["gallery", "user_id", "since", "until", "reason"];
const REASONS = {
  ambiguous: "Two users are about as near",
  matched: "Tagged at the edge of the limit",
  no_user_within_distance: "The nearest user is too far",
  no_enrolled_users: "Nobody was enrolled",
};
const OF_QUEUE = {
  doubtful: ["ambiguous", "matched"],
  unknown: ["no_user_within_distance", "no_enrolled_users"],
};

const isGallery = (text) => /^[A-Za-z0-9._:-]{1,128}$/.test(text);
const isDay = (text) => /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text) && !Number.isNaN(Date.parse(text));

const wrong = {
  gallery: (text) => (isGallery(text) ? "" : "A gallery's name has letters, digits and . _ : - only."),
  user_id: (text) => (isId(text) ? "" : "That is not the id of a user."),
  since: (text) => (isDay(text) ? "" : "That is not a day."),
  until: (text) => (isDay(text) ? "" : "That is not a day."),
  reason: (text) => (text in REASONS ? "" : "There is no such reason."),
};

let wanted = {};

// What the address asks for; what makes no sense there is left out.
function read() {
  const said = new URLSearchParams(location.search);
  wanted = {};
  for (const name of NAMES) {
    const text = said.get(name)?.trim() ?? "";
    if (text && !wrong[name](text)) wanted[name] = text;
  }
}

// For the API: days are those of the reader's own clock, and the last one counts too.
export function asked(queue) {
  const query = new URLSearchParams();
  for (const [name, text] of Object.entries(wanted)) {
    if (name === "reason" && !offered(queue).includes(text)) continue;
    if (name !== "since" && name !== "until") query.set(name, text);
    else {
      const day = new Date(`${text}T00:00`);
      if (name === "until") day.setDate(day.getDate() + 1);
      query.set(name, day.toISOString());
    }
  }
  return query;
}

export const any = (queue) => [...asked(queue).keys()].length > 0;

const offered = (queue) => OF_QUEUE[queue] ?? [];

// Keep the queue and the filters in the address.
export function keep(queue) {
  const query = new URLSearchParams(queue ? { queue } : {});
  for (const [name, text] of Object.entries(wanted)) query.set(name, text);
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
}

// Put into the form what is wanted, and offer the reasons of the queue.
export function show(queue) {
  const reasons = offered(queue);
  $("reasons").hidden = !reasons.length;
  form.elements.reason.replaceChildren(
    new Option("Any reason", ""),
    ...reasons.map((reason) => new Option(REASONS[reason], reason)),
  );
  for (const name of NAMES) form.elements[name].value = wanted[name] ?? "";
  const count = [...asked(queue).keys()].length;
  $("filtered").textContent = count ? `${count} in use` : "";
  $("filter-wrong").hidden = true;
}

function taken() {
  const found = {};
  for (const name of NAMES) {
    const field = form.elements[name];
    const text = name === "user_id" ? field.value.trim().toLowerCase() : field.value.trim();
    if (!text) continue;
    const why = wrong[name](text);
    if (why) {
      $("filter-wrong").textContent = why;
      $("filter-wrong").hidden = false;
      field.focus();
      return null;
    }
    found[name] = text;
  }
  if (found.since && found.until && found.since > found.until) {
    $("filter-wrong").textContent = "The first day is after the last one.";
    $("filter-wrong").hidden = false;
    form.elements.since.focus();
    return null;
  }
  return found;
}

// `changed` is called whenever other photos are wanted.
export function begin(queue, changed) {
  read();
  show(queue);
  const set = (values) => {
    wanted = values;
    $("filters").open = false;
    changed();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const found = taken();
    if (found) set(found);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.key.toLowerCase() !== "f") return;
    if (event.target.closest("input, select, textarea, dialog")) return;
    event.preventDefault();
    $("filters").open = true;
    form.elements.gallery.focus();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    $("filters").open = false;
    $("filters").querySelector("summary").focus();
  });
  for (const button of document.querySelectorAll("[data-clear]")) {
    button.addEventListener("click", () => set({}));
  }
}
