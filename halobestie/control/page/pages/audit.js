// Who changed or read what, when, with the old and the new value.

import { h } from "../lib/dom.js";
import { time } from "../lib/format.js";
import { t, word } from "../lib/words.js";
import { heading, idText } from "../parts/bits.js";
import { dateFilters, list } from "../parts/list.js";

const ACTIONS = [
  "knob.change", "failed_pairing.action", "mitra.add", "mitra.change", "mitra.online", "customer.block", "customer.unblock",
  "cc_user.add", "cc_user.change", "cc_user.make_admin", "cc_user.log_in", "cc_user.log_out", "session.reroute", "session.end", "transcript.read",
];

export function render(view) {
  const known = view.query.action && !ACTIONS.includes(view.query.action) ? [...ACTIONS, view.query.action] : ACTIONS;
  const { element } = list(view, {
    path: "/internal/audit-log",
    caption: t("nav.audit"),
    nothing: { title: t("audit.none"), hint: t("audit.none.hint") },
    filters: [
      { name: "action", label: t("audit.action"), kind: "select", options: [["", t("filter.all")], ...known.map((each) => [each, word("audit", each)])] },
      { name: "subject_id", label: t("audit.subject"), kind: "search", placeholder: t("audit.subject.hint") },
      ...dateFilters(),
    ],
    columns: [
      { label: t("column.time"), cell: (row) => time(row.at, "moment") },
      { label: t("audit.who"), cell: (row) => row.actor_name || "–" },
      { label: t("audit.action"), cell: (row) => [word("audit", row.action), row.reason && h("small", {}, row.reason)] },
      { label: t("audit.subject"), cell: (row) => (/^[0-9a-f-]{36}$/.test(row.subject_id) ? [word("subject", row.subject_type), " ", idText(row.subject_id)] : row.subject_id) },
      { label: t("audit.values"), cell: (row) => values(row) },
    ],
  });
  return h("div", {}, heading(t("nav.audit"), { hint: t("audit.hint") }), element);
}

function values({ old_value: before, new_value: after }) {
  if (before === null && after === null) return "–";
  if (isPlain(before) && isPlain(after)) return [show(before), " → ", h("strong", {}, show(after))];
  return h("details", {}, h("summary", {}, t("audit.show")),
    h("pre", {}, `− ${JSON.stringify(before, null, 1)}\n+ ${JSON.stringify(after, null, 1)}`));
}

const isPlain = (value) => value === null || typeof value !== "object";
const show = (value) => (value === null ? "–" : String(value));
