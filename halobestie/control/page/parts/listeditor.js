// An editor for a knob that is a list of records: rows of inputs, to add, remove and reorder.

import { h, put, uniqueId } from "../lib/dom.js";
import { t } from "../lib/words.js";

// fields: { name: { type: "string"|"integer"|"boolean"|"choice", choices?, min?, max?, maxLength? } }
export function listEditor({ label, fields, value, most, onChange }) {
  let records = structuredClone(value);
  const body = h("ol", { class: "records" });
  const add = h("button", { type: "button", class: "small", onclick: append }, t("editor.add"));
  const element = h("div", { class: "editor" }, body, add);
  draw();

  function draw(focus) {
    put(body, records.length ? records.map(line) : h("li", { class: "hint" }, t("editor.empty")));
    add.disabled = records.length >= (most ?? 1000);
    if (focus) body.querySelectorAll("li")[focus.row]?.querySelector(focus.what)?.focus();
  }

  function line(record, row) {
    return h("li", { class: "record" },
      Object.entries(fields).map(([name, about]) => cell(record, row, name, about)),
      h("span", { class: "record-actions" },
        button("↑", "editor.up", row, row === 0, () => move(row, -1)),
        button("↓", "editor.down", row, row === records.length - 1, () => move(row, 1)),
        button("×", "editor.remove", row, false, () => remove(row))));
  }

  function cell(record, row, name, about) {
    const id = uniqueId(name);
    const input = make(about, record[name], id);
    input.dataset.field = name;
    input.addEventListener("input", () => {
      record[name] = read(about, input);
      onChange(records);
    });
    return h("span", { class: `record-field ${about.type}` },
      h("label", { for: id }, t(`field.${name}`), h("span", { class: "visually-hidden" }, ` · ${label} ${row + 1}`)), input);
  }

  function button(sign, key, row, disabled, onclick) {
    return h("button", { type: "button", class: "small quiet", disabled, onclick, data: { do: key }, "aria-label": `${t(key)} · ${label} ${row + 1}` }, sign);
  }

  function append() {
    records.push(Object.fromEntries(Object.entries(fields).map(([name, about]) => [name, fresh(about)])));
    draw({ row: records.length - 1, what: "input, select" });
    onChange(records);
  }

  function remove(row) {
    records.splice(row, 1);
    draw({ row: Math.min(row, records.length - 1), what: "[data-do='editor.remove']" });
    if (!records.length) add.focus();
    onChange(records);
  }

  function move(row, step) {
    records.splice(row + step, 0, ...records.splice(row, 1));
    draw({ row: row + step, what: `[data-do='editor.${step < 0 ? "up" : "down"}']:enabled, [data-do]:enabled` });
    onChange(records);
  }

  return { element, set value(next) { records = structuredClone(next); draw(); } };
}

const fresh = (about) => ({ integer: about.min ?? 0, boolean: false, choice: about.choices?.[0] })[about.type] ?? "";

function make(about, value, id) {
  if (about.type === "boolean") return h("input", { id, type: "checkbox", checked: value });
  if (about.type === "integer") return h("input", { id, type: "number", step: 1, min: about.min, max: about.max, value });
  if (about.type === "choice") {
    const select = h("select", { id }, about.choices.map((each) => h("option", { value: each }, t(`field.choice.${each}`))));
    select.value = value;
    return select;
  }
  return h("input", { id, type: "text", maxlength: about.maxLength, value });
}

function read(about, input) {
  if (about.type === "boolean") return input.checked;
  // An empty or broken number is sent as it is, for the server to name.
  if (about.type === "integer") return input.value === "" ? null : Number(input.value);
  return input.value;
}

// The record's fields, from the JSON schema that the server describes a list knob with.
export function recordFields(schema) {
  const found = (schema.$defs ? Object.values(schema.$defs)[0] : schema.items) ?? { properties: {} };
  return Object.fromEntries(Object.entries(found.properties).map(([name, about]) => [name, {
    type: about.enum ? "choice" : about.type, choices: about.enum,
    min: about.minimum, max: about.maximum, maxLength: about.maxLength,
  }]));
}
