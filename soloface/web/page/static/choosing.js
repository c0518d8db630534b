// Faces to choose among, several at once.

import { el, faceUrl, picture } from "/static/common.js";

export function tile(photo, caption, chosen, changed) {
  const button = el(
    "button",
    {
      type: "button",
      class: "tile",
      "aria-pressed": String(chosen),
      onclick: () => {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        changed();
      },
    },
    picture(faceUrl(photo.photo_id, photo.face_index, 256), "A face", { loading: "lazy" }),
    el("span", {}, caption),
  );
  button.photo = photo;
  return button;
}

export const chosen = (parent) => [...parent.querySelectorAll(".tile[aria-pressed=true]")];
