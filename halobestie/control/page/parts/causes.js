// Several causes at once: a fold with a box for each.

import { h, say } from "../lib/dom.js";
import { t } from "../lib/words.js";

export const CAUSES = [
  "no_mitra_available", "all_mitras_rejected", "targeted_mitra_rejected", "targeted_mitra_timeout",
  "targeted_mitra_offline", "customer_cancelled", "payment_session_expired", "extension_rejected",
  "extension_timeout", "extension_mitra_offline", "payment_amount_mismatch", "payment_late",
];

// `text` is a list with commas; onChange gets the new one.
export function causePicker(text, onChange) {
  const chosen = new Set(text.split(",").filter(Boolean));
  const name = h("span", {});
  const show = () => say(name, chosen.size ? t("causes.some", { n: chosen.size }) : t("filter.all"));
  const box = (cause) => h("label", { class: "cause" }, h("input", {
    type: "checkbox", checked: chosen.has(cause),
    oninput: (event) => event.stopPropagation(),
    onchange: (event) => {
      if (event.target.checked) chosen.add(cause);
      else chosen.delete(cause);
      show();
      onChange([...chosen].join(","));
    },
  }), t(`cause.${cause}`));
  show();
  const details = h("details", { class: "causes", onkeydown: (event) => {
    if (event.key !== "Escape") return;
    details.open = false;
    summary.focus();
  } });
  const summary = h("summary", {}, h("span", { class: "causes-label" }, t("column.cause")), name);
  details.append(summary, h("fieldset", {}, h("legend", { class: "visually-hidden" }, t("column.cause")), CAUSES.map(box)));
  return details;
}
