// One line of the grid. Made once and filled again and again with whatever scrolls into view.

import { h, say } from "../lib/dom.js";
import { clock, count, shortId } from "../lib/format.js";
import { t } from "../lib/words.js";
import { tone } from "../parts/bits.js";

export const COLUMNS = ["name", "state", "mail", "rate", "processed", "restarts", "busy", "due", "facts"];
const LATENESS = "latest_deadline_seconds"; // of the runtime; only in the details
const UUID = /[0-9a-f]{8}-[0-9a-f-]{27}/g;

export function makeRow() {
  const cell = (name, ...children) => h("div", { class: `cell ${name}`, role: "gridcell" }, children);
  const fold = h("span", { class: "fold", "aria-hidden": "true" });
  const name = h("span", { class: "actor-name" });
  const state = h("span", { class: "badge" });
  const fill = h("span", { class: "mail-fill" });
  const high = h("span", { class: "mail-high" });
  const mail = h("span", { class: "mail-text" });
  const texts = Object.fromEntries(["rate", "processed", "restarts", "busy", "due", "facts"].map((each) => [each, h("span")]));
  const element = h("div", { class: "line", role: "row" },
    cell("name", fold, name), cell("state", state),
    cell("mail", h("span", { class: "mail-track", "aria-hidden": "true" }, fill, high), mail),
    ...["rate", "processed", "restarts", "busy", "due", "facts"].map((each) => cell(each, texts[each])));

  function show(row, now) {
    element.classList.toggle("group", Boolean(row.isGroup));
    say(name, row.isGroup ? row.name : short(row));
    name.title = row.path;
    say(state, t(`state.${row.state}`));
    state.className = `badge ${tone(row.state)}`;
    const share = (value) => `${Math.min(100, (100 * value) / Math.max(1, row.mailbox.capacity))}%`;
    fill.style.width = share(row.mailbox.depth);
    high.style.insetInlineStart = share(row.mailbox.high_water);
    high.hidden = row.isGroup || row.mailbox.high_water < row.mailbox.capacity / 50;
    say(mail, `${row.mailbox.depth} / ${compact(row.mailbox.capacity)}`);
    mail.title = t("actors.mail.title", { depth: row.mailbox.depth, capacity: row.mailbox.capacity, high: row.mailbox.high_water });
    say(texts.rate, row.rate ? row.rate.toFixed(row.rate < 10 ? 1 : 0) : "–");
    say(texts.processed, count(row.processed));
    say(texts.restarts, row.restarts ? count(row.restarts) : "–");
    texts.restarts.className = row.restarts ? "some" : "";
    say(texts.facts, row.last_error && row.state !== "running" ? row.last_error : facts(row));
    moments(row, now);
  }

  // What moves by itself.
  function moments(row, now) {
    say(texts.busy, row.busy_with ? `${row.busy_with} ${((now - Date.parse(row.busy_since)) / 1000).toFixed(1)} s` : "–");
    const next = row.deadlines[0];
    say(texts.due, next ? `${next.name} ${clock((Date.parse(next.due_at) - now) / 1000)}` : "–");
  }

  return { element, fold, show, moments };
}

// "session:0190a1b2…" in place of a whole id.
const short = (row) => row.path.slice(row.group.length + 1).replace(UUID, shortId);

const compact = (value) => (value >= 10000 ? `${Math.round(value / 1000)}k` : String(value));

function facts(row) {
  if (row.isGroup) return t("actors.count", { n: count(row.actors) });
  return Object.entries(row.info).filter(([key]) => key !== LATENESS).map(([key, value]) => `${key} ${plain(value)}`).join(" · ");
}

export const plain = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value)).replace(UUID, shortId);
