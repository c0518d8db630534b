// A person's photos, to weed out wrong ones in one go.

import { ask, el, newKey, portraits, say, when } from "/static/common.js";
import { chosen, tile } from "/static/choosing.js";

const user = document.body.dataset.subject;
const $ = (id) => document.getElementById(id);
let cursor = null;

function changed() {
  const count = chosen($("photos")).length;
  $("weed").disabled = !count;
  $("chosen").textContent = count ? `${count} chosen` : "None chosen";
}

async function more() {
  const after = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
  const page = await ask("GET", `/v1/users/${user}/photos?limit=60${after}`);
  cursor = page.next;
  $("more").hidden = !cursor;
  $("enrolment").textContent = page.withdrawn
    ? "This person has withdrawn and is not recognised any more."
    : page.model
      ? `Enrolled ${page.enrolled_at ? when(page.enrolled_at) : ""} by ${page.enrolled_by.length} photo${page.enrolled_by.length === 1 ? "" : "s"} (${page.model}).`
      : "Not enrolled: people have said where this person is.";
  for (const photo of page.photos) {
    const caption = photo.confirmed ? "confirmed" : photo.distance === null ? "said by somebody" : photo.distance.toFixed(2);
    $("photos").append(tile(photo, caption, false, changed));
  }
  $("done").hidden = Boolean($("photos").children.length);
  changed();
}

$("weed").addEventListener("click", async () => {
  $("weed").disabled = true;
  let failed = 0;
  for (const button of chosen($("photos"))) {
    try {
      await ask("POST", `/v1/photos/${button.photo.photo_id}/decision`, { decision: "reject", user_id: user }, { "Idempotency-Key": newKey() });
      button.remove();
    } catch (error) {
      failed += 1;
      say(`Not kept: ${error.message}`, "bad");
    }
  }
  if (!failed) say("Kept. They can be taken back under My decisions.");
  $("done").hidden = Boolean($("photos").children.length);
  changed();
});
$("more").addEventListener("click", more);
more().catch((error) => say(error.message, "bad"));
portraits(user, 4).then((images) => $("enrolled").replaceChildren(...images.map((image) => el("span", { class: "small" }, image))));
