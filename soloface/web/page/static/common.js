// What all pages share: asking the API, saying things, and making elements.

const proof = document.querySelector("meta[name=csrf]").content;

export class Refused extends Error {
  constructor(status, reason, detail, refused = []) {
    super(detail);
    this.status = status;
    this.reason = reason;
    this.refused = refused;
  }
}

export async function ask(method, path, body, headers = {}) {
  const sent = { ...headers };
  if (proof) sent["X-CSRF-Token"] = proof;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, "no_answer", "the server does not answer");
  }
  if (answer.status === 204) return null;
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    if (answer.status === 401) location.assign("/sign-in");
    throw new Refused(answer.status, said.reason ?? "strange", said.detail ?? answer.statusText, said.refused);
  }
  return said;
}

// A name for a request, so that sending it again does no harm. `crypto.randomUUID` is not there on
// plain HTTP in a local network.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const line = document.getElementById("notice");
let hiding;

export function say(text, kind = "") {
  line.textContent = text;
  line.className = `notice ${kind}`;
  line.hidden = false;
  clearTimeout(hiding);
  if (kind !== "bad") hiding = setTimeout(() => (line.hidden = true), 4000);
}

// The end: ids that are made in turn begin alike.
export const short = (id) => (id ? id.slice(-8) : "nobody");

export const isId = (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

export const faceUrl = (photo, index, px = 512) =>
  `/v1/photos/${photo}/faces/${index}/image?px=${px}`;

export function when(time) {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

// A picture that says so when it is gone.
export function picture(url, text, attributes = {}) {
  const image = el("img", { src: url, alt: text, ...attributes });
  image.addEventListener("error", () => {
    image.replaceWith(el("span", { class: "gone", role: "img", "aria-label": text }, "The picture is gone"));
  });
  return image;
}

const people = new Map();

// What is known of a user: by which photos they are enrolled.
export function person(id) {
  if (!people.has(id)) {
    people.set(id, ask("GET", `/v1/users/${id}/photos?limit=1`).catch(() => null));
  }
  return people.get(id);
}

export async function portraits(id, most = 2, px = 384) {
  const known = await person(id);
  const photos = known?.enrolled_by ?? [];
  return photos
    .slice(0, most)
    .map((sha256) => picture(`/v1/users/${id}/enrolment/${sha256}/image?px=${px}`, `User ${short(id)}, as enrolled`));
}

export const limitOf = (scale) => scale.max_distance ?? scale.threshold;

export function closeness(distance, scale) {
  const limit = limitOf(scale);
  if (distance === null || distance === undefined) return "not measured";
  if (distance <= limit - 0.15) return "very alike";
  if (distance <= limit - 0.05) return "alike";
  if (distance <= limit) return "just within the limit";
  if (distance <= limit + 0.15) return "just beyond the limit";
  return "not alike";
}

document.getElementById("sign-out")?.addEventListener("click", async () => {
  await ask("POST", "/sign-out");
  location.assign("/sign-in");
});
