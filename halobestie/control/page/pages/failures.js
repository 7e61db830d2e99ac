// Paid requests of which no session came, and what is done about the money.

import { post } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { rupiah, time } from "../lib/format.js";
import { t, word } from "../lib/words.js";
import { heading, person } from "../parts/bits.js";
import { openForm } from "../parts/dialog.js";
import { dateFilters, list } from "../parts/list.js";
import { notify } from "../parts/notice.js";
import { causePicker } from "../parts/causes.js";

export function render(view) {
  const causes = causePicker(view.query.cause_tags ?? "", (text) => {
    hidden().value = text;
    rows.reload();
  });
  const rows = list(view, {
    path: "/internal/failed-pairings",
    caption: t("nav.failures"),
    nothing: { title: t("failures.none"), hint: t("failures.none.hint") },
    filters: [
      { name: "cause_tags", label: t("column.cause"), kind: "hidden" },
      ...dateFilters(),
      { name: "unactioned", label: t("failures.unactioned"), kind: "check" },
    ],
    columns: [
      { label: t("column.time"), cell: (row) => time(row.created_at) },
      { label: t("column.customer"), cell: (row) => person("/pelanggan", row.customer) },
      { label: t("column.cause"), cell: (row) => [word("cause", row.cause_tag), h("small", {}, t(row.is_terminal ? "failures.terminal" : "failures.retryable"))] },
      { label: t("failures.wanted"), cell: (row) => person("/mitra", row.targeted_mitra) },
      { label: t("column.amount"), number: true, cell: (row) => rupiah(row.amount) },
      { label: t("failures.action"), cell: (row) => action(row, () => rows.reload()) },
    ],
  });
  const hidden = () => rows.fields.find((each) => each.name === "cause_tags");
  hidden().element.replaceWith(causes);
  return h("div", {}, heading(t("nav.failures"), { hint: t("failures.hint") }), rows.element);
}

function action(row, done) {
  if (row.operator_action) {
    return [word("action", row.operator_action), h("small", {}, row.actioned_by?.display_name ?? "–", " · ", time(row.actioned_at))];
  }
  return h("div", { class: "row-actions" }, ["refunded", "credited", "no_action"].map((each) =>
    h("button", {
      type: "button", class: "small",
      "aria-label": `${t(`action.do.${each}`)}: ${row.customer.display_name}, ${rupiah(row.amount)}`,
      onclick: () => ask(row, each, done),
    }, t(`action.do.${each}`))));
}

function ask(row, action, done) {
  openForm({
    title: t(`action.ask.${action}`),
    text: t("action.ask.text", { name: row.customer.display_name, amount: rupiah(row.amount), cause: word("cause", row.cause_tag) }),
    submit: t("action.confirm"),
    send: async () => {
      await post(`/internal/failed-pairings/${row.id}/action`, { action });
      notify(t("action.done", { action: t(`action.${action}`) }));
      done();
    },
  });
}
