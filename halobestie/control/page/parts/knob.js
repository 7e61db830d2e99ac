// One knob: its name, description, bounds, editor, whether it is changed, and its error.

import { h, put, say, uniqueId } from "../lib/dom.js";
import { hasWord, language, t } from "../lib/words.js";
import { select } from "./form.js";
import { listEditor, recordFields } from "./listeditor.js";

// `onChange` is called after every touch. Returns { key, element, value, changed, error }.
export function knob(key, about, saved, onChange) {
  const id = uniqueId(key);
  let value = structuredClone(saved);
  const touched = (next) => {
    value = next;
    show();
    onChange();
  };
  const label = hasWord(`knob.${key}`) ? t(`knob.${key}`) : key;
  const { element: input, set } = editor(id, label, about, value, touched);
  const mark = h("span", { class: "changed" });
  const error = h("p", { class: "field-error", id: `${id}-error` });
  const reset = h("button", { type: "button", class: "small quiet", onclick: () => { set(about.default); touched(structuredClone(about.default)); } }, t("knob.default"));
  const isList = about.type === "list";
  const element = h("div", { class: `knob ${isList ? "wide" : ""}`, data: { key } },
    h("div", { class: "knob-text" },
      isList ? h("h3", {}, label) : h("label", { for: id }, label), mark,
      h("p", { class: "field-hint", id: `${id}-hint` }, describe(key, about)),
      bounds(about) && h("p", { class: "field-hint" }, bounds(about)),
      h("code", { class: "key" }, key)),
    h("div", { class: "knob-input" }, input, reset, error));

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  function show() {
    say(mark, same(value, saved) ? "" : t("knob.changed"));
    element.classList.toggle("is-changed", !same(value, saved));
    reset.hidden = same(value, about.default);
  }
  show();
  return {
    key, element,
    get value() { return value; },
    get changed() { return !same(value, saved); },
    set error(text) {
      put(error, text);
      const target = isList ? element : input;
      target.toggleAttribute("data-invalid", Boolean(text));
      if (!isList) input.setAttribute("aria-invalid", String(Boolean(text)));
    },
    focus() { (isList ? input.querySelector("input, button") : input).focus(); },
    revert() { set(saved); value = structuredClone(saved); this.error = ""; show(); },
  };
}

function editor(id, label, about, value, onChange) {
  const described = { id, "aria-describedby": `${id}-hint ${id}-error` };
  if (about.type === "bool") {
    const box = h("input", { type: "checkbox", class: "switch", role: "switch", ...described, checked: value, onchange: () => onChange(box.checked) });
    return { element: box, set: (next) => { box.checked = next; } };
  }
  if (about.type === "choice") {
    const box = select(value, about.choices.map((each) => [each, t(`choice.${each}`)]), { ...described, onchange: () => onChange(box.value) });
    return { element: box, set: (next) => { box.value = next; } };
  }
  if (about.type === "list") {
    const list = listEditor({ label, fields: recordFields(about.items), value, most: about.max, onChange });
    return { element: list.element, set: (next) => { list.value = next; } };
  }
  const box = h("input", { type: "number", step: 1, min: about.min, max: about.max, ...described, value,
    oninput: () => onChange(box.value === "" ? null : Number(box.value)) });
  return { element: box, set: (next) => { box.value = next; } };
}

const describe = (key, about) => (language() === "en" && hasWord(`knob.${key}.en`) ? t(`knob.${key}.en`) : about.description);

function bounds(about) {
  if (about.type !== "int" || about.max === undefined) return null;
  return t("knob.bounds", { min: about.min ?? 0, max: about.max, default: about.default });
}
