// Where every rupiah stands: sums per outcome, what has none yet, and all purchases.

import { get, isAbort } from "../lib/api.js";
import { h, put } from "../lib/dom.js";
import { count, length, rupiah, time } from "../lib/format.js";
import { t, word } from "../lib/words.js";
import { badge, card, empty, heading, idText, link, loading, person, problemBox } from "../parts/bits.js";
import { choices, list } from "../parts/list.js";

const OUTCOMES = ["delivered", "refunded", "credited", "no_action", "open"];

export function render(view) {
  const sums = h("div", {}, loading());
  const load = () => get("/internal/money", {}, { signal: view.signal }).then(
    (answer) => put(sums, conservation(answer)),
    (problem) => isAbort(problem) || put(sums, problemBox(problem, load)));
  load();
  const { element } = list(view, {
    path: "/internal/payment-requests",
    caption: t("money.purchases"),
    nothing: { title: t("money.none"), hint: t("money.none.hint") },
    filters: [{ name: "status", label: t("filter.status"), kind: "select",
      options: choices("payment", ["pending", "confirmed", "consumed", "failed_pairing", "abandoned", "expired"]) }],
    columns: [
      { label: t("column.time"), cell: (row) => time(row.created_at) },
      { label: t("column.customer"), cell: (row) => person("/pelanggan", row.customer) },
      { label: t("column.status"), cell: (row) => badge("payment", row.status) },
      { label: t("money.what"), cell: (row) => [t("length.minutes", { m: row.duration_minutes }), h("small", {}, kind(row))] },
      { label: t("column.amount"), number: true, cell: (row) => rupiah(row.amount) },
      { label: t("search.session"), cell: (row) => (row.session_id ? link(`/sesi/${row.session_id}`, idText(row.session_id)) : "–") },
    ],
  });
  return h("div", {}, heading(t("nav.money"), { hint: t("money.hint"), actions: h("button", { type: "button", onclick: load }, t("refresh")) }),
    sums, h("h2", {}, t("money.purchases")), element);
}

const kind = (row) => (row.is_free_trial ? t("money.trial") : row.is_extension ? t("money.extension") : row.tier_id);

function conservation(money) {
  const all = Math.max(1, money.received.amount);
  return [
    h("div", { class: `balance ${money.is_balanced ? "good" : "bad"}`, role: "status" },
      h("strong", {}, t(money.is_balanced ? "money.balanced" : "money.unbalanced")),
      h("span", {}, t("money.received", { amount: rupiah(money.received.amount), n: count(money.received.count) }))),
    h("div", { class: "tiles five" }, OUTCOMES.map((name) => {
      const share = h("span", { class: "meter-fill" });
      share.style.width = `${(100 * money.outcomes[name].amount) / all}%`;
      return h("div", { class: `tile ${name === "open" && money.outcomes.open.count ? "warn" : ""}` },
        h("span", { class: "tile-label" }, t(`outcome.${name}`)),
        h("span", { class: "tile-value" }, rupiah(money.outcomes[name].amount)),
        h("span", { class: "meter-track", "aria-hidden": "true" }, share),
        h("span", { class: "tile-more" }, t("money.payments", { n: count(money.outcomes[name].count) })));
    })),
    !money.is_balanced && card(t("money.disagreements"), h("ul", { class: "plain" }, money.disagreements.map((one) =>
      h("li", {}, idText(one.payment_request_id), " ", word("payment", one.status), " / ", word("outcome", one.outcome))))),
    card(t("money.orphans"), money.rows.length ? orphans(money.rows) : empty(t("money.orphans.none"), t("money.orphans.hint"))),
  ];
}

function orphans(rows) {
  return h("div", { class: "table-box" }, h("table", { class: "rows" },
    h("caption", { class: "visually-hidden" }, t("money.orphans")),
    h("thead", {}, h("tr", {}, ["money.paid", "column.customer", "column.status", "column.cause", "money.since"]
      .map((key) => h("th", { scope: "col" }, t(key))), h("th", { scope: "col", class: "number" }, t("column.amount")))),
    h("tbody", {}, rows.map((row) => h("tr", {},
      h("th", { scope: "row", data: { label: t("money.paid") } }, time(row.paid_at)),
      h("td", { data: { label: t("column.customer") } }, person("/pelanggan", row.customer)),
      h("td", { data: { label: t("column.status") } }, badge("payment", row.status)),
      h("td", { data: { label: t("column.cause") } }, row.cause_tag ? link("/pairing-gagal?unactioned=true", word("cause", row.cause_tag)) : "–"),
      h("td", { data: { label: t("money.since") } }, length(row.seconds_open)),
      h("td", { class: "number", data: { label: t("column.amount") } }, rupiah(row.amount)))))));
}
