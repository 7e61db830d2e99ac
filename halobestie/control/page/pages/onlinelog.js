// When which mitra came and went, and why.

import { h } from "../lib/dom.js";
import { time } from "../lib/format.js";
import { t, word } from "../lib/words.js";
import { badge, heading, link } from "../parts/bits.js";
import { mitraFilter } from "../parts/people.js";
import { dateFilters, list } from "../parts/list.js";

export function render(view) {
  const rows = list(view, {
    path: "/internal/mitra-online-logs",
    caption: t("nav.onlinelog"),
    nothing: { title: t("onlinelog.none"), hint: t("onlinelog.none.hint") },
    filters: [mitraFilter(view), ...dateFilters()],
    columns: [
      { label: t("column.time"), cell: (row) => time(row.at, "moment") },
      { label: t("column.mitra"), cell: (row) => link(`/mitra/${row.mitra_id}`, row.display_name) },
      { label: t("column.status"), cell: (row) => badge("mitra", row.is_online ? "online" : "offline") },
      { label: t("column.reason"), cell: (row) => word("reason", row.reason) },
    ],
  });
  return h("div", {}, heading(t("nav.onlinelog"), { hint: t("onlinelog.hint") }), rows.element);
}
