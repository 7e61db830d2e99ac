// Form fields with their label, hint and error tied to the input, and forms that send once.

import { h, put, uniqueId } from "../lib/dom.js";
import { t } from "../lib/words.js";

// kind: "text" (and the other input types), "select", "check", "textarea".
// Returns { name, element, input, value, set error }.
export function field({ name, label, kind = "text", value = "", hint, options, ...attributes }) {
  const id = uniqueId(name);
  const describedBy = `${id}-hint ${id}-error`;
  const props = { id, name, "aria-describedby": describedBy, ...attributes };
  const input = make(kind, value, options, props);
  const error = h("p", { class: "field-error", id: `${id}-error` });
  const labelled = h("label", { for: id }, label);
  const element = h("div", { class: `field ${kind === "check" ? "field-check" : ""}` },
    kind === "check" ? [input, labelled] : [labelled, input],
    h("p", { class: "field-hint", id: `${id}-hint` }, hint),
    error);
  return {
    name, element, input,
    get value() { return kind === "check" ? input.checked : input.value; },
    set value(next) { if (kind === "check") input.checked = next; else input.value = next; },
    set error(text) {
      put(error, text);
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    },
  };
}

function make(kind, value, options, props) {
  if (kind === "select") return select(value, options, props);
  if (kind === "textarea") return h("textarea", { rows: 3, ...props, value });
  if (kind === "check") return h("input", { type: "checkbox", ...props, checked: value });
  return h("input", { type: kind, ...props, value });
}

export function select(value, options, props) {
  const element = h("select", props,
    options.map(([key, text]) => h("option", { value: key }, text)));
  element.value = value;
  return element;
}

// Puts each error of a problem beside its field; returns what belongs to none of them.
export function showErrors(problem, fields) {
  const rest = [];
  for (const { field: name, message } of problem.errors ?? []) {
    const found = fields.find((each) => each.name === name);
    if (found) found.error = message;
    else rest.push(`${name}: ${message}`);
  }
  fields.find((each) => each.input.getAttribute("aria-invalid"))?.input.focus();
  return rest;
}

// A form that cannot be sent twice at once. `send` does the work; refusals are shown in it.
export function form({ fields, submit, send, cancel, tone = "primary" }) {
  const trouble = h("div", { class: "form-problem", role: "alert" });
  const button = h("button", { type: "submit", class: tone }, submit);
  const element = h("form", { novalidate: true, onsubmit: run },
    fields.map((each) => each.element), trouble,
    h("div", { class: "form-actions" }, button,
      cancel && h("button", { type: "button", onclick: cancel }, t("cancel"))));

  async function run(event) {
    event.preventDefault();
    put(trouble);
    for (const each of fields) each.error = "";
    const unfit = fields.filter((each) => !each.input.checkValidity());
    for (const each of unfit) each.error = each.input.validationMessage;
    if (unfit.length) {
      unfit[0].input.focus();
      return;
    }
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    try {
      await send(Object.fromEntries(fields.map((each) => [each.name, each.value])));
    } catch (problem) {
      const rest = showErrors(problem, fields);
      const placed = (problem.errors?.length ?? 0) > rest.length;
      if (!placed || rest.length) put(trouble, h("p", {}, problem.advice), h("p", {}, rest.join(" · ") || problem.detail));
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  }
  return element;
}
