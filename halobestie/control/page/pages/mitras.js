// All mitras, and a way to add one.

import { post } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { count, time } from "../lib/format.js";
import { t } from "../lib/words.js";
import { badge, heading, person } from "../parts/bits.js";
import { openForm } from "../parts/dialog.js";
import { field } from "../parts/form.js";
import { list } from "../parts/list.js";
import { notify } from "../parts/notice.js";

export function render(view) {
  const rows = list(view, {
    path: "/internal/mitras",
    caption: t("nav.mitras"),
    nothing: { title: t("mitras.none"), hint: t("mitras.none.hint") },
    filters: [
      { name: "query", label: t("filter.search"), kind: "search", placeholder: t("mitras.search") },
      { name: "is_online", label: t("mitras.presence"), kind: "select",
        options: [["", t("filter.all")], ["true", t("mitra.online")], ["false", t("mitra.offline")]] },
    ],
    columns: [
      { label: t("column.name"), cell: (row) => person("/mitra", row) },
      { label: t("column.phone"), cell: (row) => row.phone },
      { label: t("mitras.presence"), cell: (row) => badge("mitra", row.is_online ? "online" : "offline") },
      { label: t("column.account"), cell: (row) => badge("account", row.is_active ? "active" : "inactive") },
      { label: t("mitras.capacity"), cell: (row) => (row.capacity_override === null ? t("mitras.capacity.knob") : count(row.capacity_override)) },
      { label: t("mitras.offers"), number: true, cell: (row) => (row.offers_today === undefined ? "–" : count(row.offers_today)) },
      { label: t("mitras.accepts"), number: true, cell: (row) => (row.accepts_today === undefined ? "–" : count(row.accepts_today)) },
      { label: t("column.since"), cell: (row) => time(row.created_at) },
    ],
  });
  const add = h("button", { type: "button", class: "primary", onclick: () => addMitra(rows.reload) }, t("mitras.add"));
  return h("div", {}, heading(t("nav.mitras"), { hint: t("mitras.hint"), actions: add }), rows.element);
}

function addMitra(done) {
  openForm({
    title: t("mitras.add"),
    text: t("mitras.add.hint"),
    submit: t("mitras.add"),
    fields: [
      field({ name: "display_name", label: t("column.name"), required: true, maxlength: 40, autocomplete: "off" }),
      field({ name: "phone", label: t("column.phone"), kind: "tel", required: true, hint: t("mitras.phone.hint"), autocomplete: "off" }),
    ],
    send: async (values) => {
      const mitra = await post("/internal/mitras", values);
      notify(t("mitras.added", { name: mitra.display_name }));
      done();
    },
  });
}
