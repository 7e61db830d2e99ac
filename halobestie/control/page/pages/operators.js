// Who works in the control center.

import { patch, post } from "../lib/api.js";
import { currentUser } from "../lib/auth.js";
import { h } from "../lib/dom.js";
import { time } from "../lib/format.js";
import { t } from "../lib/words.js";
import { badge, heading } from "../parts/bits.js";
import { openForm } from "../parts/dialog.js";
import { field } from "../parts/form.js";
import { list } from "../parts/list.js";
import { notify } from "../parts/notice.js";

export function render(view) {
  const rows = list(view, {
    path: "/internal/cc-users",
    caption: t("nav.operators"),
    nothing: { title: t("operators.none"), hint: t("operators.none.hint") },
    columns: [
      { label: t("column.name"), cell: (row) => [row.display_name, row.id === currentUser().id && h("small", {}, t("operators.you"))] },
      { label: t("signin.email"), cell: (row) => row.email },
      { label: t("operators.role"), cell: (row) => t(`role.${row.role}`) },
      { label: t("column.account"), cell: (row) => badge("account", row.is_active ? "active" : "inactive") },
      { label: t("column.since"), cell: (row) => time(row.created_at, "moment") },
      { label: t("column.actions"), cell: (row) => h("button", {
        type: "button", class: "small", "aria-label": `${t("change")}: ${row.display_name}`, onclick: () => change(row, rows.reload),
      }, t("change")) },
    ],
  });
  const add = h("button", { type: "button", class: "primary", onclick: () => change(null, rows.reload) }, t("operators.add"));
  return h("div", {}, heading(t("nav.operators"), { hint: t("operators.hint"), actions: add }), rows.element);
}

function change(operator, done) {
  const fields = [
    field({ name: "display_name", label: t("column.name"), value: operator?.display_name, required: true, maxlength: 40, autocomplete: "off" }),
    field({ name: "email", label: t("signin.email"), kind: "email", value: operator?.email, required: true, autocomplete: "off" }),
    field({ name: "role", label: t("operators.role"), kind: "select", value: operator?.role ?? "operator",
      options: [["operator", t("role.operator")], ["admin", t("role.admin")]], hint: t("operators.role.hint") }),
    field({ name: "password", label: t("signin.password"), kind: "password", required: !operator, minlength: 10,
      hint: t(operator ? "operators.password.keep" : "operators.password.hint"), autocomplete: "new-password" }),
    operator && field({ name: "is_active", label: t("operators.active"), kind: "check", value: operator.is_active }),
  ].filter(Boolean);
  openForm({
    title: t(operator ? "operators.change" : "operators.add", { name: operator?.display_name }),
    fields,
    submit: t(operator ? "save" : "operators.add"),
    send: async (values) => {
      if (operator) {
        if (!values.password) delete values.password;
        await patch(`/internal/cc-users/${operator.id}`, values);
      } else await post("/internal/cc-users", values);
      notify(t("saved"));
      done();
    },
  });
}
