// A tree of thousands of lines of which only those in view are elements. Lines have one
// height; the elements are recycled. Keys: arrows, Home, End, Page, Enter; left and right fold.

import { h } from "../lib/dom.js";
import { t } from "../lib/words.js";
import { COLUMNS, makeRow } from "./row.js";

const HEIGHT = 36; // pixels of a line, as in actors.css
const SPARE = 6; // lines drawn beyond each edge

// onFold(group), onChoose(line). Returns { element, show(lines, now), tick(now) }.
export function makeGrid({ onFold, onChoose, isFolded }) {
  const window_ = h("div", { class: "grid-lines", role: "rowgroup" });
  const head = h("div", { class: "line head", role: "row" },
    COLUMNS.map((name) => h("div", { class: `cell ${name}`, role: "columnheader" }, t(`actors.column.${name}`))));
  const box = h("div", {
    class: "grid", role: "treegrid", tabindex: "0", "aria-label": t("nav.actors"),
    "aria-readonly": "true", onscroll: () => draw(), onkeydown: key, onclick: click,
  }, head, window_);
  const pool = [];
  let lines = [];
  let active = ""; // the path with the cursor
  let chosen = "";
  let now = Date.now();

  function show(next, moment) {
    lines = next;
    now = moment;
    box.setAttribute("aria-rowcount", String(lines.length + 1));
    window_.style.height = `${lines.length * HEIGHT}px`;
    draw();
  }

  function draw() {
    const first = Math.max(0, Math.floor(box.scrollTop / HEIGHT) - SPARE);
    const last = Math.min(lines.length, Math.ceil((box.scrollTop + box.clientHeight) / HEIGHT) + SPARE);
    while (pool.length < last - first) {
      const row = makeRow();
      pool.push(row);
      window_.append(row.element);
    }
    pool.forEach((row, index) => {
      const line = lines[first + index];
      const shown = first + index < last;
      row.element.hidden = !shown;
      row.line = shown ? line : null;
      if (shown) place(row, line, first + index);
    });
    const seen = pool.find((row) => row.line?.path === active);
    if (seen) box.setAttribute("aria-activedescendant", seen.element.id);
    else box.removeAttribute("aria-activedescendant");
  }

  function place(row, line, index) {
    const { element } = row;
    element.id = `line-${index}`;
    element.style.transform = `translateY(${index * HEIGHT}px)`;
    element.setAttribute("aria-rowindex", String(index + 2));
    element.setAttribute("aria-level", line.isGroup ? "1" : "2");
    element.setAttribute("aria-selected", String(line.path === chosen));
    element.toggleAttribute("data-active", line.path === active);
    if (line.isGroup) element.setAttribute("aria-expanded", String(!isFolded(line.name)));
    else element.removeAttribute("aria-expanded");
    row.fold.textContent = line.isGroup ? (isFolded(line.name) ? "▸" : "▾") : "";
    row.show(line, now);
  }

  function tick(moment) {
    now = moment;
    for (const row of pool) if (row.line) row.moments(row.line, now);
  }

  function click(event) {
    const row = pool.find((each) => each.line && each.element.contains(event.target));
    if (!row) return;
    active = row.line.path;
    if (row.line.isGroup) onFold(row.line);
    else choose(row.line);
  }

  function choose(line) {
    chosen = line.path;
    onChoose(line);
    draw();
  }

  function key(event) {
    const at = lines.findIndex((line) => line.path === active);
    const line = lines[at];
    const step = Math.max(1, Math.floor(box.clientHeight / HEIGHT) - 2);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + step, PageUp: at - step, Home: 0, End: lines.length - 1 };
    if (event.key in moves) move(moves[event.key]);
    else if (line?.isGroup && ((event.key === "ArrowLeft" && !isFolded(line.name)) || (event.key === "ArrowRight" && isFolded(line.name)) || event.key === "Enter" || event.key === " ")) onFold(line);
    else if (line && !line.isGroup && event.key === "ArrowLeft") move(lines.findIndex((each) => each.isGroup && each.name === line.group));
    else if (line && !line.isGroup && (event.key === "Enter" || event.key === " ")) choose(line);
    else return;
    event.preventDefault();
  }

  function move(index) {
    if (!lines.length) return;
    const target = Math.max(0, Math.min(lines.length - 1, index));
    active = lines[target].path;
    const top = target * HEIGHT;
    const room = box.clientHeight - HEIGHT; // the head stays on top
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + HEIGHT > box.scrollTop + room) box.scrollTop = top + HEIGHT - room;
    draw();
  }

  const resized = new ResizeObserver(() => draw());
  resized.observe(box);
  return { element: box, show, tick, end: () => resized.disconnect(), forget() { chosen = ""; draw(); } };
}
