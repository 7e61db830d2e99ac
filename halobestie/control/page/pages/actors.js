// The live tree of everything that runs in the server.

import { h, put } from "../lib/dom.js";
import { watch } from "../lib/live.js";
import { t } from "../lib/words.js";
import { heading } from "../parts/bits.js";
import { field } from "../parts/form.js";
import { makeDetail } from "../actors/detail.js";
import { makeGrid } from "../actors/grid.js";
import { makeStore, visible } from "../actors/store.js";
import { makeForecast, makeSums } from "../actors/sums.js";

const TICK = 250; // milliseconds between two steps of what counts by itself

export function render(view) {
  const store = makeStore();
  const folded = new Set();
  const search = field({ name: "search", label: t("filter.search"), kind: "search", placeholder: t("actors.search"), value: view.query.q ?? "" });
  const order = field({ name: "order", label: t("actors.order"), kind: "select", value: "start",
    options: ["start", "name", "rate", "mail", "restarts", "due"].map((each) => [each, t(`actors.order.${each}`)]) });
  const trouble = field({ name: "trouble", label: t("actors.trouble"), kind: "check" });
  const pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => setPaused(!paused) }, t("actors.pause"));
  const state = h("p", { class: "live", role: "status" });
  const sums = makeSums();
  const found = h("p", { class: "hint found", role: "status" });
  let chosen = view.query.path ?? "";
  let paused = false;
  let stop = () => {};
  let asked = 0;

  const grid = makeGrid({
    isFolded: (name) => folded.has(name),
    onFold: (group) => { if (!folded.delete(group.name)) folded.add(group.name); paint(); },
    onChoose: (row) => { chosen = row.path; remember(); paint(); },
  });
  const detail = makeDetail({ onClose: () => { chosen = ""; grid.forget(); remember(); draw(); grid.element.focus(); } });

  // Several frames before the next picture make one drawing.
  function draw() {
    asked ||= requestAnimationFrame(() => { asked = 0; paint(); });
  }

  function paint() {
    const lines = visible(store, { folded, text: search.value, order: order.value, trouble: trouble.value });
    grid.show(lines, Date.now() + store.skew);
    sums.show(store);
    detail.show(store.rows.get(chosen), chosen, store);
    put(found, lines.length || !store.at ? null : t("actors.nothing"));
  }

  function remember() {
    view.setQuery({ q: search.value, path: chosen });
  }

  function setPaused(next) {
    paused = next;
    pause.setAttribute("aria-pressed", String(paused));
    put(pause, t(paused ? "actors.resume" : "actors.pause"));
    stop();
    if (paused) show("paused");
    else stop = watch("/internal/debug/actors/watch", { onFrame: (frame) => { store.apply(frame); draw(); }, onState: show });
  }

  function show(name) {
    state.dataset.state = name;
    put(state, t(`live.${name}`));
  }

  const bar = h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault(), oninput: () => { remember(); draw(); } },
    search.element, order.element, trouble.element, h("div", { class: "field buttons" },
      h("button", { type: "button", onclick: () => { folded.clear(); draw(); } }, t("actors.unfold")),
      h("button", { type: "button", onclick: () => { for (const row of store.rows.values()) folded.add(row.group); draw(); } }, t("actors.fold")),
      pause));
  const ticking = setInterval(() => { if (!paused) grid.tick(Date.now() + store.skew); }, TICK);
  view.onLeave(() => {
    stop();
    grid.end();
    clearInterval(ticking);
    cancelAnimationFrame(asked);
  });
  setPaused(false);
  return h("div", { class: "actors" },
    heading(t("nav.actors"), { hint: t("actors.hint"), actions: state }),
    sums.element, makeForecast(view), bar,
    h("div", { class: "tree" }, h("div", { class: "grid-box" }, grid.element, found), detail.element));
}
