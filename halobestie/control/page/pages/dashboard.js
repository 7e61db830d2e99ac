// How the house stands now, told live.

import { h, put } from "../lib/dom.js";
import { count, length, rupiah, time } from "../lib/format.js";
import { watch } from "../lib/live.js";
import { t, word } from "../lib/words.js";
import { badge, card, empty, facts, heading, loading } from "../parts/bits.js";
import { chart } from "../parts/charts.js";

const OLD = 10000; // milliseconds without a frame (they come every two seconds)

export function render(view) {
  const line = h("p", { class: "live", role: "status" });
  const body = h("div", { class: "dashboard" }, loading());
  let old = 0;
  const state = (name) => {
    if (line.dataset.state === name) return;
    line.dataset.state = name;
    put(line, t(`live.${name}`));
  };
  view.onLeave(watch("/internal/dashboard/watch", {
    onFrame: (seen) => {
      redraw(body, seen);
      clearTimeout(old);
      old = setTimeout(() => state("old"), OLD);
    },
    onState: state,
  }));
  view.onLeave(() => clearTimeout(old));
  return h("div", {}, heading(t("nav.dashboard"), { hint: t("dashboard.hint"), actions: line }), body);
}

// The focus stays on the tile it was on.
function redraw(body, seen) {
  const focused = body.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  put(body, draw(seen));
  if (focused) [...body.querySelectorAll("a")].find((each) => each.getAttribute("href") === focused)?.focus({ preventScroll: true });
}

function draw(seen) {
  const { mitras, sessions, pairings, payments } = seen;
  return [
    h("div", { class: "tiles" },
      tile("dashboard.mitras", count(mitras.online), t("dashboard.mitras.more", { free: count(mitras.available), total: count(mitras.total) }), "/mitra"),
      tile("dashboard.active", count(sessions.active), t("dashboard.active.more", { n: count(sessions.completed_today) }), "/sesi?status=active"),
      tile("dashboard.searching", count(pairings.searching), pairings.median_seconds_to_pair_today === null
        ? t("dashboard.searching.none")
        : t("dashboard.searching.more", { time: length(pairings.median_seconds_to_pair_today) }), "/pencarian?status=searching"),
      tile("dashboard.revenue", rupiah(payments.revenue_today), t("dashboard.revenue.more", { n: count(payments.confirmed_today) }), "/uang")),
    h("div", { class: "columns" },
      card(t("dashboard.perhour"), chart({
        title: t("dashboard.perhour.long"), kind: "bars", text: (value) => count(Math.round(value * 10) / 10),
        label: (value) => count(value),
        points: seen.series.sessions_per_hour.map((one) => ({ at: one.hour, value: one.count })),
      })),
      card(t("dashboard.topair"), chart({
        title: t("dashboard.topair.long"), kind: "line", text: (value) => length(value), label: length,
        points: seen.series.seconds_to_pair_per_hour.map((one) => ({ at: one.hour, value: one.seconds })),
      }))),
    h("div", { class: "columns three" },
      card(t("dashboard.sessions"), meter([
        ["active", sessions.active], ["extension_pending", sessions.extension_pending],
        ["expired", sessions.expired], ["closing", sessions.closing]], "session")),
      card(t("dashboard.failures"), failures(seen.failures_by_cause_today)),
      card(t("dashboard.pairings"), facts([
        [t("dashboard.paired"), count(pairings.paired_today)],
        [t("dashboard.failed"), count(pairings.failed_today)],
        [t("dashboard.median"), length(pairings.median_seconds_to_pair_today)],
      ]), h("h3", {}, t("dashboard.nodes")), seen.nodes.map((node) => h("p", { class: "node" },
        badge("node", node.status), h("strong", {}, node.node),
        h("span", {}, t("dashboard.node", { actors: count(node.actors), sockets: count(node.sockets), up: length(node.uptime_seconds) })))))),
    h("p", { class: "hint" }, t("dashboard.at"), " ", time(seen.at, "clock")),
  ];
}

function tile(key, value, more, path) {
  return h("a", { class: "tile", href: `#${path}` },
    h("span", { class: "tile-label" }, t(key)),
    h("span", { class: "tile-value" }, value),
    h("span", { class: "tile-more" }, more));
}

function meter(pairs, group) {
  const most = Math.max(1, ...pairs.map(([, value]) => value));
  return h("ul", { class: "meter" }, pairs.map(([name, value]) => {
    const fill = h("span", { class: "meter-fill" });
    fill.style.width = `${(100 * value) / most}%`;
    return h("li", {}, h("span", {}, word(group, name)), h("span", { class: "meter-track", "aria-hidden": "true" }, fill),
      h("strong", {}, count(value)));
  }));
}

function failures(byCause) {
  const pairs = Object.entries(byCause).sort(([, a], [, b]) => b - a);
  return pairs.length ? meter(pairs, "cause") : empty(t("dashboard.failures.none"), t("dashboard.failures.hint"));
}
