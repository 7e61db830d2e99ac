// What happened in a session, when, and by whom.

import { h } from "../lib/dom.js";
import { shortId, time } from "../lib/format.js";
import { t, word } from "../lib/words.js";
import { empty, link } from "./bits.js";

// `names`: mitras by id, for reroutes.
export function timeline({ session, timeline: events }, names) {
  if (!events.length) return empty(t("timeline.none"), t("timeline.none.hint"));
  return h("ol", { class: "timeline" }, events.map((event) => h("li", { class: event.actor_type },
    h("span", { class: "timeline-time" }, time(event.at, "clock")),
    h("span", {}, h("strong", {}, word("event", event.event)), " ",
      h("span", { class: "hint" }, who(event, session)), detail(event, names)))));
}

function who({ actor_type: type, actor_id: id }, session) {
  if (type === "customer") return session.customer.display_name;
  if (type === "mitra" && id === session.mitra.id) return session.mitra.display_name;
  if (type === "operator" && id) return `${t("actor.operator")} ${shortId(id)}`;
  return word("actor", type);
}

function detail({ event, detail: more }, names) {
  if (!more) return null;
  const mitra = (id) => link(`/mitra/${id}`, names.get(id)?.display_name ?? shortId(id));
  if (event === "rerouted") return h("span", { class: "timeline-more" }, mitra(more.from), " → ", mitra(more.to));
  if (more.reason) return h("span", { class: "timeline-more" }, hasReason(more.reason));
  if (more.skipped === true) return h("span", { class: "timeline-more" }, t("timeline.skipped"));
  if (more.stars) return h("span", { class: "timeline-more" }, "★".repeat(more.stars));
  return null;
}

const hasReason = (reason) => word("extension.reason", reason).replace(/^extension\.reason\./, "");
