// What was said. Only for admins, only for a reason, and every reading is on record.

import { get } from "../lib/api.js";
import { h, put } from "../lib/dom.js";
import { time } from "../lib/format.js";
import { t } from "../lib/words.js";
import { card, empty } from "./bits.js";
import { openForm } from "./dialog.js";
import { field } from "./form.js";

export function transcript(view, sessionId) {
  const body = h("div", {}, h("p", { class: "hint" }, t("transcript.hint")),
    h("button", { type: "button", onclick: ask }, t("transcript.read")));

  function ask() {
    openForm({
      title: t("transcript.read"), text: t("transcript.ask"), submit: t("transcript.read"),
      fields: [field({ name: "reason", label: t("reason"), kind: "textarea", required: true, maxlength: 500 })],
      send: async ({ reason }) => read(reason),
    });
  }

  async function read(reason) {
    const messages = [];
    let more = true;
    while (more) {
      const answer = await get(`/internal/sessions/${sessionId}/messages`,
        { reason, after_seq: messages.at(-1)?.seq ?? 0, limit: 200 }, { signal: view.signal });
      messages.push(...answer.messages);
      more = answer.has_more;
    }
    put(body, messages.length
      ? h("ol", { class: "talk" }, messages.map((message) => h("li", { class: message.sender_type },
        h("p", {}, message.content),
        h("span", { class: "hint" }, t(`actor.${message.sender_type}`), " · ", time(message.created_at, "clock")))))
      : empty(t("transcript.none"), t("transcript.none.hint")));
  }

  return card(t("transcript.title"), body);
}
