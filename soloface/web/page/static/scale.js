// What a distance means: as a mark among those that were measured with this pack, and in words.

import { ask, el, limitOf } from "/static/common.js";

const MOST = 1.2;
const LEFT = 10;
const WIDE = 580;
const at = (distance) => LEFT + (Math.min(Math.max(distance, 0), MOST) / MOST) * WIDE;

// How far photos of one person and of two are apart; null where nothing was measured.
export const measured = ask("GET", "/v1/review/distances").then((found) => found.histogram, () => null);

const svg = (tag, attributes, text) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

const sum = (counts) => counts.reduce((all, count) => all + count, 0);

// The share of pairs that are at most so far apart.
export function below(counts, width, distance) {
  const place = Math.max(0, distance) / width;
  const whole = Math.min(Math.floor(place), counts.length);
  const part = whole < counts.length ? counts[whole] * (place - whole) : 0;
  return (sum(counts.slice(0, whole)) + part) / sum(counts);
}

export function inWords(share) {
  if (share >= 0.995) return "nearly all";
  if (share >= 0.0095) return `${Math.round(share * 100)} of 100`;
  if (share < 0.00001) return "hardly any";
  const one = 1 / share;
  const size = 10 ** Math.floor(Math.log10(one));
  return `1 in ${(Math.round(one / size) * size).toLocaleString("en")}`;
}

// The margin, by how much is asked for.
export function apart(margin, scale) {
  const asked = scale.min_margin ?? 0;
  if (margin < asked || margin < 0.02) return "too little to tell them apart";
  if (margin < asked + 0.05) return "just enough to tell them apart";
  return "enough to tell them apart";
}

function area(counts, width, base, high, kind) {
  const most = Math.max(...counts);
  const steps = counts.flatMap((count, place) => {
    const y = base - (count / most) * high;
    return [`${at(place * width)},${y}`, `${at((place + 1) * width)},${y}`];
  });
  return svg("polygon", { points: `${at(0)},${base} ${steps.join(" ")} ${at(counts.length * width)},${base}`, class: kind });
}

const source = (histogram) =>
  `Measured with this pack on ${histogram.photos.toLocaleString("en")} labelled photos of ` +
  `${histogram.people.toLocaleString("en")} people (${histogram.sets.join(", ")}).`;

function drawing(distances, margin, scale, histogram) {
  const limit = limitOf(scale);
  const high = histogram ? 56 : 0;
  const line = 22 + high;
  const drawn = svg("svg", { viewBox: `0 0 600 ${high + 62}`, role: "img", class: "ruler" });
  const told = distances.map((distance, place) => `${place + 1}: ${distance.toFixed(2)}`).join(", ");
  const title = `Distances ${told}; the limit is ${limit.toFixed(2)}.`;
  drawn.append(svg("title", {}, histogram ? `${title} ${source(histogram)}` : title));
  if (histogram) {
    drawn.append(area(histogram.impostor, histogram.width, line - 2, high, "impostor"));
    drawn.append(area(histogram.genuine, histogram.width, line - 2, high, "genuine"));
  }
  drawn.append(svg("rect", { x: LEFT, y: line, width: at(limit) - LEFT, height: 10, rx: 5, class: "near" }));
  drawn.append(svg("rect", { x: at(limit), y: line, width: LEFT + WIDE - at(limit), height: 10, rx: 5, class: "far" }));
  drawn.append(svg("line", { x1: at(limit), x2: at(limit), y1: 14, y2: line + 18, class: "limit" }));
  drawn.append(svg("text", { x: at(limit), y: line + 36, class: "label", "text-anchor": "middle" }, `limit ${limit.toFixed(2)}`));
  const [first, second] = distances;
  if (margin && second !== undefined) {
    drawn.append(svg("line", { x1: at(first), x2: at(second), y1: line + 5, y2: line + 5, class: "margin" }));
  }
  distances.forEach((distance, place) => {
    drawn.append(svg("circle", { cx: at(distance), cy: line + 5, r: place ? 6 : 9, class: place ? "other" : "first" }));
  });
  if (first !== undefined) {
    drawn.append(svg("line", { x1: at(first), x2: at(first), y1: 18, y2: line - 4, class: "mark" }));
    drawn.append(svg("text", { x: at(first), y: 13, class: "label strong", "text-anchor": "middle" }, first.toFixed(2)));
  }
  return drawn;
}

// Marks for the distances of a face; the first is the one that is asked about.
export function ruler(distances, margin, scale, histogram) {
  const parts = [drawing(distances, margin, scale, histogram)];
  if (histogram) {
    const { genuine, impostor, width } = histogram;
    const farther = inWords(1 - below(genuine, width, distances[0]));
    const nearer = inWords(below(impostor, width, distances[0]));
    parts.push(
      el("p", { class: "measured", title: source(histogram) },
        el("span", {}, el("span", { class: "key genuine" }), `Photos of one person: ${farther} pairs are farther apart. `),
        el("span", {}, el("span", { class: "key impostor" }), `Photos of two people: ${nearer} pairs are nearer.`)),
    );
  }
  return parts;
}
