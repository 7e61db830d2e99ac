// All sessions.

import { h } from "../lib/dom.js";
import { time } from "../lib/format.js";
import { t } from "../lib/words.js";
import { badge, heading, link, person } from "../parts/bits.js";
import { dateFilters, choices, list } from "../parts/list.js";
import { mitraFilter } from "../parts/people.js";

export const STATUSES = ["active", "expired", "closing", "completed"];

export function render(view) {
  const { element, fields } = list(view, {
    path: "/internal/sessions",
    caption: t("nav.sessions"),
    nothing: { title: t("sessions.none"), hint: t("sessions.none.hint") },
    filters: [
      { name: "status", label: t("filter.status"), kind: "select", options: choices("session", STATUSES) },
      mitraFilter(view),
      { name: "customer_id", label: t("column.customer"), kind: "search", placeholder: t("filter.id") },
      ...dateFilters(),
    ],
    columns: [
      { label: t("column.start"), cell: (row) => link(`/sesi/${row.id}`, time(row.started_at)) },
      { label: t("column.customer"), cell: (row) => person("/pelanggan", row.customer) },
      { label: t("column.mitra"), cell: (row) => person("/mitra", row.mitra) },
      { label: t("column.status"), cell: (row) => [badge("session", row.status), row.needs_reroute && badge("session", "needs_reroute")] },
      { label: t("column.length"), number: true, cell: (row) => t("length.minutes", { m: row.duration_minutes }) },
      { label: t("column.end"), cell: (row) => time(row.ended_at ?? row.ends_at) },
      { label: t("session.reason"), cell: (row) => (row.completion_reason ? t(`completion.${row.completion_reason}`) : "–") },
    ],
  });
  fields.find((each) => each.name === "customer_id").input.pattern = "[0-9a-fA-F-]{36}";
  return h("div", {}, heading(t("nav.sessions"), { hint: t("sessions.hint") }), element);
}
