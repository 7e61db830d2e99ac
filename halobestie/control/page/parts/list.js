// A list of the server: filters, a table, pages of it. The filters stand in the address, so
// that a reload or a link shows the same. On narrow screens each row becomes a card.

import { get, isAbort } from "../lib/api.js";
import { h, put, say } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { t } from "../lib/words.js";
import { empty, loading, problemBox } from "./bits.js";
import { field } from "./form.js";

const LIMIT = 50;
const TYPING = 300; // milliseconds of rest before a text filter counts

// columns: [{ label, cell(row), number? }]; the first names the row.
// filters: fields (see form.js); dates are days of the operator, sent as exact moments.
export function list(view, { path, caption, columns, filters = [], nothing }) {
  const query = { ...view.query };
  let offset = Number(query.offset) || 0;
  let last = 0;

  const fields = filters.map((each) => {
    const value = query[each.name] ?? "";
    return field({ ...each, value: each.kind === "check" ? value === "true" : value });
  });
  const bar = h("form", { class: "filters", role: "search", onsubmit: (event) => { event.preventDefault(); changed(); } },
    fields.map((each) => each.element));
  let typing = 0;
  bar.addEventListener("input", (event) => {
    clearTimeout(typing);
    const isText = ["text", "search"].includes(event.target.type);
    typing = setTimeout(changed, isText ? TYPING : 0);
  });
  const body = h("tbody");
  const table = h("table", { class: "rows" },
    h("caption", { class: "visually-hidden" }, caption),
    h("thead", {}, h("tr", {}, columns.map((column) =>
      h("th", { scope: "col", class: column.number && "number" }, column.label)))),
    body);
  const state = h("div", { class: "list-state" }, loading());
  const range = h("p", { class: "range", role: "status" });
  const back = h("button", { type: "button", onclick: () => page(-LIMIT) }, t("list.previous"));
  const on = h("button", { type: "button", onclick: () => page(LIMIT) }, t("list.next"));
  const pager = h("nav", { class: "pager", "aria-label": t("list.pages") }, range, back, on);
  table.hidden = pager.hidden = true;

  function wanted() {
    const values = Object.fromEntries(fields.map((each) => [each.name, each.value === true ? "true" : each.value || ""]));
    return { values, sent: { ...values, ...sentDates(values) } };
  }

  function changed() {
    offset = 0;
    load();
  }

  function page(step) {
    offset = Math.max(0, offset + step);
    load();
  }

  async function load() {
    const mine = ++last;
    const { values, sent } = wanted();
    view.setQuery({ ...values, offset: offset || "" });
    table.setAttribute("aria-busy", "true");
    try {
      const answer = await get(path, { ...sent, limit: LIMIT, offset }, { signal: view.signal });
      if (mine === last) show(answer, Object.values(values).some(Boolean));
    } catch (problem) {
      if (mine !== last || isAbort(problem)) return;
      table.hidden = pager.hidden = true;
      put(state, problemBox(problem, load));
    } finally {
      table.removeAttribute("aria-busy");
    }
  }

  function show(answer, filtered) {
    const found = answer.rows;
    put(body, found.map(line));
    table.hidden = pager.hidden = found.length === 0;
    put(state, found.length ? null
      : filtered ? empty(t("list.none"), t("list.none.hint")) : empty(nothing.title, nothing.hint));
    say(range, found.length ? t("list.range", { from: count(offset + 1), to: count(offset + found.length), total: count(answer.total) }) : "");
    back.disabled = offset === 0;
    on.disabled = offset + found.length >= answer.total;
  }

  function line(row) {
    return h("tr", {}, columns.map((column, index) => {
      const props = { class: column.number && "number", data: { label: column.label } };
      const value = h("div", {}, column.cell(row));
      return index ? h("td", props, value) : h("th", { scope: "row", ...props }, value);
    }));
  }

  const element = h("div", { class: "list" }, fields.length ? bar : null, state, h("div", { class: "table-box" }, table), pager);
  load();
  return { element, reload: load, fields };
}

// The first moment of the day from which, and the first after the day until which.
function sentDates({ date_from: from, date_to: to }) {
  const day = (text, days) => {
    const date = new Date(`${text}T00:00:00`);
    date.setDate(date.getDate() + days);
    return date.toISOString();
  };
  return { ...(from && { date_from: day(from, 0) }), ...(to && { date_to: day(to, 1) }) };
}

export const dateFilters = () => [
  { name: "date_from", label: t("filter.from"), kind: "date" },
  { name: "date_to", label: t("filter.to"), kind: "date" },
];

export const choices = (group, values) => [["", t("filter.all")], ...values.map((value) => [value, t(`${group}.${value}`)])];
