// Two small charts as SVG, with the same figures as a table for who does not see them.

import { h, svg } from "../lib/dom.js";
import { timeText } from "../lib/format.js";

const WIDTH = 640;
const HEIGHT = 210;
const LEFT = 64; // room for "30 dtk"
const BOTTOM = 32;
const TOP = 14;

// points: [{ at, value|null }], one an hour. kind: "bars" or "line". text(value) names one.
export function chart({ title, points, kind, text, label }) {
  const top = nice(Math.max(1, ...points.map((point) => point.value ?? 0)));
  const step = (WIDTH - LEFT) / points.length;
  const x = (index) => LEFT + index * step;
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const grid = [0, 0.5, 1].map((share) => svg("g", {},
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(top * share), y2: y(top * share) }),
    svg("text", { class: "axis", x: LEFT - 8, y: y(top * share) + 5, "text-anchor": "end" }, text(top * share))));
  const hours = points.map((point, index) => index % 4 === 3 && svg("text",
    { class: "axis", x: x(index) + step / 2, y: HEIGHT - 6, "text-anchor": "middle" }, timeText(point.at, "hour")));
  return h("figure", { class: "chart" },
    h("figcaption", {}, title),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, grid, hours,
      kind === "bars" ? bars(points, x, y, step, text) : line(points, x, y, step, text)),
    h("table", { class: "visually-hidden" },
      h("caption", {}, title),
      h("tbody", {}, points.map((point) => h("tr", {},
        h("th", { scope: "row" }, timeText(point.at)),
        h("td", {}, point.value === null ? "–" : label(point.value)))))));
}

function bars(points, x, y, step, text) {
  return points.map((point, index) => svg("rect", {
    class: index === points.length - 1 ? "bar now" : "bar",
    x: x(index) + step * 0.16, width: step * 0.68, rx: 2,
    y: y(point.value ?? 0), height: Math.max(0, y(0) - y(point.value ?? 0)),
  }, svg("title", {}, `${timeText(point.at, "hour")} · ${text(point.value ?? 0)}`)));
}

function line(points, x, y, step, text) {
  const at = (index) => x(index) + step / 2;
  const known = points.flatMap((point, index) => (point.value === null ? [] : [[index, point]]));
  const path = known.map(([index, point], order) => {
    const joined = order > 0 && known[order - 1][0] === index - 1;
    return `${joined ? "L" : "M"}${at(index).toFixed(1)} ${y(point.value).toFixed(1)}`;
  }).join(" ");
  return [
    svg("path", { class: "line", d: path }),
    known.map(([index, point]) => svg("circle", { class: "dot", cx: at(index), cy: y(point.value), r: 3.5 },
      svg("title", {}, `${timeText(point.at, "hour")} · ${text(point.value)}`))),
  ];
}

// The next number that halves well: 2, 4, 10, 20, 40, 100 …
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [2, 4, 10].map((each) => each * power).find((each) => each >= value) ?? value;
}
