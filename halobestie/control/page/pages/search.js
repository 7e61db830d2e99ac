// One search, explained: who was asked, over which road, what they answered and when.

import { get, isAbort } from "../lib/api.js";
import { h, put } from "../lib/dom.js";
import { count, length, time } from "../lib/format.js";
import { t, word } from "../lib/words.js";
import { badge, card, crumb, empty, facts, heading, idText, link, loading, person, problemBox } from "../parts/bits.js";

export function render(view) {
  const body = h("div", {}, loading());
  const load = () => get(`/internal/pairings/${view.params.id}`, {}, { signal: view.signal }).then(
    (answer) => put(body, draw(answer)),
    (problem) => isAbort(problem) || put(body, problemBox(problem, load)));
  load();
  return h("div", {}, crumb("/pencarian", t("nav.searches")),
    heading(t("search.title"), { actions: h("button", { type: "button", onclick: load }, t("refresh")) }), body);
}

function draw({ pairing, offers, not_offered: others }) {
  return [
    h("p", { class: "verdict" }, badge("pairing", pairing.status), " ", explain(pairing)),
    h("div", { class: "columns" },
      card(t("search.facts"), facts([
        [t("column.customer"), person("/pelanggan", pairing.customer)],
        [t("column.kind"), word("request", pairing.request_type)],
        [t("search.wanted"), pairing.targeted_mitra && person("/mitra", pairing.targeted_mitra)],
        [t("column.start"), time(pairing.started_at, "moment")],
        [t("search.until"), time(pairing.expires_at, "moment")],
        [t("column.end"), time(pairing.closed_at, "moment")],
        [t("column.length"), length(pairing.seconds)],
        [t("search.session"), pairing.session_id && link(`/sesi/${pairing.session_id}`, idText(pairing.session_id))],
        [t("column.payment"), idText(pairing.payment_request_id)],
      ])),
      card(t("search.sums"), facts([
        [t("search.asked"), count(pairing.mitras_notified)],
        [t("search.seen"), pairing.mitras_seen !== undefined && count(pairing.mitras_seen)],
        [t("search.declined"), count(pairing.mitras_declined)],
        [t("search.passed"), count(others.length)],
      ]))),
    card(t("search.offers"), offers.length ? table(offers, pairing) : empty(t("search.offers.none"), t("search.offers.hint"))),
    others.length > 0 && card(t("search.others"), passedOver(others)),
  ];
}

function explain(pairing) {
  const asked = { n: count(pairing.mitras_notified), d: count(pairing.mitras_declined) };
  if (pairing.status === "paired") return t("explain.paired", { ...asked, mitra: pairing.mitra?.display_name ?? "–" });
  if (pairing.status === "searching") return t("explain.searching", asked);
  return `${t(`explain.${pairing.cause_tag}`)} ${t("explain.asked", asked)}${pairing.is_terminal ? "" : ` ${t("explain.retry")}`}`;
}

function table(offers, pairing) {
  const began = Date.parse(pairing.started_at);
  const after = (iso) => (iso ? t("search.after", { time: length((Date.parse(iso) - began) / 1000) }) : "–");
  return h("div", { class: "table-box" }, h("table", { class: "rows" },
    h("caption", { class: "visually-hidden" }, t("search.offers")),
    h("thead", {}, h("tr", {}, ["column.mitra", "search.channel", "search.offered", "search.read", "search.answer", "search.answered"]
      .map((key) => h("th", { scope: "col" }, t(key))))),
    h("tbody", {}, offers.map((offer) => h("tr", {},
      h("th", { scope: "row", data: { label: t("column.mitra") } }, person("/mitra", offer.mitra)),
      h("td", { data: { label: t("search.channel") } }, word("channel", offer.channel)),
      h("td", { data: { label: t("search.offered") } }, after(offer.offered_at)),
      h("td", { data: { label: t("search.read") } }, after(offer.seen_at)),
      h("td", { data: { label: t("search.answer") } }, badge("response", offer.response)),
      h("td", { data: { label: t("search.answered") } }, after(offer.responded_at)))))));
}

function passedOver(others) {
  return h("ul", { class: "plain" }, others.map((each) =>
    h("li", {}, person("/mitra", each.mitra), " — ", word("left", each.reason ?? each.response))));
}
