// A person's photos, to weed out wrong ones in one go.

import { ask, el, portraits, say, when } from "/static/common.js";
import { answerAll, chosen, tile } from "/static/choosing.js";

const user = document.body.dataset.subject;
const $ = (id) => document.getElementById(id);
let cursor = null;

const kept = (photos) =>
  photos ? `by ${photos} photo${photos === 1 ? "" : "s"}` : "by photos that were not kept";

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
      ? `Enrolled ${page.enrolled_at ? when(page.enrolled_at) : ""} ${kept(page.enrolled_by.length)} (${page.model}).`
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
  const refused = await answerAll($("photos"), () => ({ decision: "reject", user_id: user }));
  if (!refused) say("Kept. They can be taken back under My decisions.");
  $("done").hidden = Boolean($("photos").children.length || cursor);
  changed();
});
const tryMore = () => more().catch((error) => say(error.message, "bad"));
$("more").addEventListener("click", tryMore);
tryMore();
portraits(user, 4).then((images) => $("enrolled").replaceChildren(...images.map((image) => el("span", { class: "small" }, image))));
