// A question or a form over the page. The browser's own dialog: it keeps the focus inside,
// closes with Escape, and gives the focus back.

import { h, uniqueId } from "../lib/dom.js";
import { form } from "./form.js";

// Shows a form in a dialog; `send(values)` does the work, and the dialog closes after it.
export function openForm({ title, text, fields = [], submit, send, tone }) {
  const id = uniqueId("dialog");
  const dialog = h("dialog", { "aria-labelledby": id, onclose: () => dialog.remove() },
    h("h2", { id }, title),
    text && h("p", { class: "dialog-text" }, text),
    form({
      fields, submit, tone,
      cancel: () => dialog.close(),
      send: async (values) => {
        await send(values);
        dialog.close();
      },
    }));
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export const confirm = (options) => openForm({ ...options, fields: options.fields ?? [] });
