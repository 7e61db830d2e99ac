// Customers, by name, phone or id.

import { h } from "../lib/dom.js";
import { time } from "../lib/format.js";
import { t } from "../lib/words.js";
import { badge, heading, person } from "../parts/bits.js";
import { list } from "../parts/list.js";

export const standing = (row) => badge("customer",
  row.is_closed ? "closed" : row.is_blocked ? "blocked" : row.is_anonymous ? "anonymous" : "registered");

export function render(view) {
  const { element } = list(view, {
    path: "/internal/customers",
    caption: t("nav.customers"),
    nothing: { title: t("customers.none"), hint: t("customers.none.hint") },
    filters: [{ name: "query", label: t("filter.search"), kind: "search", placeholder: t("customers.search") }],
    columns: [
      { label: t("column.name"), cell: (row) => person("/pelanggan", row) },
      { label: t("column.phone"), cell: (row) => row.phone ?? "–" },
      { label: t("column.account"), cell: standing },
      { label: t("column.since"), cell: (row) => time(row.created_at, "moment") },
    ],
  });
  return h("div", {}, heading(t("nav.customers"), { hint: t("customers.hint") }), element);
}
