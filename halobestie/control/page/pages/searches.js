// Every search for a mitra.

import { h } from "../lib/dom.js";
import { count, length, time } from "../lib/format.js";
import { t, word } from "../lib/words.js";
import { badge, heading, link, person } from "../parts/bits.js";
import { choices, list } from "../parts/list.js";

export function render(view) {
  const { element } = list(view, {
    path: "/internal/pairings",
    caption: t("nav.searches"),
    nothing: { title: t("searches.none"), hint: t("searches.none.hint") },
    filters: [{ name: "status", label: t("filter.status"), kind: "select",
      options: choices("pairing", ["searching", "paired", "failed", "cancelled"]) }],
    columns: [
      { label: t("column.start"), cell: (row) => link(`/pencarian/${row.id}`, time(row.started_at)) },
      { label: t("column.customer"), cell: (row) => person("/pelanggan", row.customer) },
      { label: t("column.kind"), cell: (row) => word("request", row.request_type) },
      { label: t("column.status"), cell: (row) => badge("pairing", row.status) },
      { label: t("column.cause"), cell: (row) => (row.cause_tag ? word("cause", row.cause_tag) : "–") },
      { label: t("column.mitra"), cell: (row) => person("/mitra", row.mitra ?? row.targeted_mitra) },
      { label: t("searches.asked"), number: true, cell: (row) => count(row.mitras_notified) },
      { label: t("column.length"), number: true, cell: (row) => length(row.seconds) },
    ],
  });
  return h("div", {}, heading(t("nav.searches"), { hint: t("searches.hint") }), element);
}
