// Choosing a mitra: a list that fills itself.

import { get } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { t } from "../lib/words.js";

const MOST = 200;

// A filter by mitra for a list; the choices arrive a moment later.
export function mitraFilter(view) {
  const filter = { name: "mitra_id", label: t("column.mitra"), kind: "select", options: [["", t("filter.all")]] };
  const wanted = view.query.mitra_id;
  if (wanted) filter.options.push([wanted, "…"]);
  mitras({}, view.signal).then((rows) => {
    const select = document.querySelector(".filters select[name=mitra_id]");
    if (!select) return;
    const chosen = select.value;
    select.replaceChildren(h("option", { value: "" }, t("filter.all")),
      ...rows.map((mitra) => h("option", { value: mitra.id }, mitra.display_name)));
    select.value = chosen;
  }, () => {});
  return filter;
}

export async function mitras(query, signal) {
  const answer = await get("/internal/mitras", { ...query, limit: MOST }, { signal });
  return answer.rows.sort((a, b) => a.display_name.localeCompare(b.display_name));
}
