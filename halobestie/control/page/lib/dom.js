// Elements from plain calls: h("button", { onclick: go, class: "primary" }, "Simpan").
// Children are nodes, strings, numbers, arrays of these, or null/false for nothing.
// Text becomes text, never markup: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

export function svg(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) set(element, name, value);
  append(element, children);
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "class") element.setAttribute("class", value);
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "value" && "value" in element) element.value = value;
  else if (name === "checked") element.checked = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child);
  }
}

// What stands in `element` from now on.
export function put(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

// Only touches the document when the text is another one: cheap to call often.
export function say(element, text) {
  const value = String(text);
  if (element.textContent !== value) element.textContent = value;
}

let counter = 0;
export const uniqueId = (prefix) => `${prefix}-${++counter}`;
