// All that is known of a photo, and why.

import { ask, el, faceUrl, picture, say, short, when } from "/static/common.js";

const photo = document.body.dataset.subject;
const $ = (id) => document.getElementById(id);

const user = (id) => (id ? el("a", { href: `/people/${id}` }, short(id)) : "nobody");

function fact(name, value) {
  return value === null || value === undefined || value === "" ? [] : [el("dt", {}, name), el("dd", {}, value)];
}

function face(found) {
  const far = (distance) => (distance === null ? "" : ` at distance ${distance.toFixed(3)}`);
  return el(
    "div",
    { class: "group" },
    el("h2", {}, `Face ${found.face_index}`),
    el("div", { class: "row" }, el("span", { class: "small" }, picture(faceUrl(photo, found.face_index, 256), `Face ${found.face_index}`)),
      el("dl", { class: "facts" },
        ...fact("tagged", el("span", {}, user(found.user_id), far(found.distance))),
        ...fact("nearest", el("span", {}, user(found.nearest_user_id), far(found.nearest_distance))),
        ...fact("second", el("span", {}, user(found.second_user_id), far(found.second_distance))),
        ...fact("detector", found.det_score.toFixed(2)),
        ...fact("image", found.image_ref),
        ...fact("recorded", when(found.updated_at)))),
  );
}

async function load() {
  const known = await ask("GET", `/v1/photos/${photo}`);
  const first = known.faces[0];
  $("picture").replaceChildren(
    first ? picture(`/v1/photos/${photo}/image?px=1280&frame=${first.face_index}`, "The whole photo") : el("span", { class: "gone" }, "No face of it is recorded"),
  );
  $("answer").textContent = known.withdrawn
    ? "It showed somebody who has withdrawn; no job looks at it again."
    : known.outcome ? `${known.outcome.reason}${known.outcome.detail ? `: ${known.outcome.detail}` : ""}` : "No job for it has ended yet.";
  $("faces").replaceChildren(...known.faces.map(face));
  $("said").replaceChildren(
    ...known.said.map((word) => el("li", {}, el("span", {}, word.decision, " ", word.user_id ? user(word.user_id) : "", ` by ${word.decided_by ?? word.database_role}, ${when(word.decided_at)}`))),
  );
  if (!known.said.length) $("said").replaceChildren(el("li", { class: "quiet" }, "Nothing yet."));
  const outcome = known.outcome;
  $("outcome").replaceChildren(
    ...(outcome ? [
      ...fact("outcome", outcome.outcome), ...fact("reason", outcome.reason), ...fact("user", outcome.user_id && user(outcome.user_id)),
      ...fact("distance", outcome.distance?.toFixed(4)), ...fact("margin", outcome.margin?.toFixed(4)),
      ...fact("model", outcome.model), ...fact("deliveries", String(outcome.deliveries)), ...fact("settled", when(outcome.settled_at)),
    ] : []),
  );
}

load().catch((error) => say(error.message, "bad"));
