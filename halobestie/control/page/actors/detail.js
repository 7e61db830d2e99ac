// One actor in full, kept up to date, and the button that crashes it where that is allowed.

import { post } from "../lib/api.js";
import { h, put } from "../lib/dom.js";
import { clock, count, length, time } from "../lib/format.js";
import { t } from "../lib/words.js";
import { facts, tone } from "../parts/bits.js";
import { notify, notifyProblem } from "../parts/notice.js";
import { plain } from "./row.js";

// onClose: the panel was closed. Returns { element, show(row, store) }.
export function makeDetail({ onClose }) {
  const title = h("h2", { tabindex: "-1" });
  const body = h("div", {});
  const crash = h("button", { type: "button", class: "danger", onclick: doCrash }, t("actors.crash"));
  const hint = h("p", { class: "hint" }, t("actors.crash.hint"));
  const element = h("aside", { class: "detail card", "aria-label": t("actors.detail"), hidden: true,
    onkeydown: (event) => { if (event.key === "Escape") onClose(); } },
    h("div", { class: "detail-head" }, title,
      h("button", { type: "button", class: "quiet", "aria-label": t("close"), onclick: onClose }, "×")),
    body, crash, hint);
  let path = "";

  async function doCrash() {
    crash.disabled = true;
    try {
      await post("/internal/_test/crash-actor", { path });
      notify(t("actors.crash.done"));
    } catch (problem) {
      notifyProblem(problem);
    } finally {
      crash.disabled = false;
    }
  }

  function show(row, chosen, store) {
    path = chosen;
    element.hidden = !chosen;
    if (!chosen) return;
    title.textContent = chosen;
    crash.hidden = hint.hidden = !store.canCrash || !row;
    const selection = getSelection();
    if (!selection.isCollapsed && body.contains(selection.anchorNode)) return; // somebody copies
    put(body, row ? describe(row, Date.now() + store.skew) : h("p", { class: "hint" }, t("actors.gone")));
  }
  return { element, show };
}

function describe(row, now) {
  return [
    h("p", {}, h("span", { class: `badge ${tone(row.state)}` }, t(`state.${row.state}`)), " ",
      h("span", { class: "hint" }, t(`state.${row.state}.hint`))),
    row.last_error && h("div", { class: "last-error" }, h("h3", {}, t("actors.lasterror")), h("pre", {}, row.last_error)),
    facts([
      [t("actors.column.mail"), t("actors.mail.title", { depth: count(row.mailbox.depth), capacity: count(row.mailbox.capacity), high: count(row.mailbox.high_water) })],
      [t("actors.column.processed"), `${count(row.processed)} (${row.rate.toFixed(1)}/s)`],
      [t("actors.column.restarts"), count(row.restarts)],
      [t("actors.column.busy"), row.busy_with && `${row.busy_with} · ${((now - Date.parse(row.busy_since)) / 1000).toFixed(1)} s`],
      [t("actors.started"), [time(row.started_at, "moment"), ` · ${length((now - Date.parse(row.started_at)) / 1000)}`]],
    ]),
    h("h3", {}, t("actors.deadlines")),
    row.deadlines.length
      ? facts(row.deadlines.map((one) => [one.name, [h("span", { class: "mono" }, clock((Date.parse(one.due_at) - now) / 1000)), " · ", time(one.due_at, "clock")]]))
      : h("p", { class: "hint" }, t("actors.deadlines.none")),
    h("h3", {}, t("actors.column.facts")),
    Object.keys(row.info).length
      ? facts(Object.entries(row.info).map(([key, value]) => [key, plain(value)]))
      : h("p", { class: "hint" }, t("actors.facts.none")),
  ];
}
