// Small things that many pages show.

import { h } from "../lib/dom.js";
import { shortId } from "../lib/format.js";
import { t, word } from "../lib/words.js";

const TONES = {
  active: "good", online: "good", paired: "good", running: "good", consumed: "good",
  delivered: "good", accepted: "good", ready: "good", approved: "good", auto_approved: "good",
  searching: "info", pending: "info", waiting: "info", confirmed: "info", starting: "info",
  expired: "warn", closing: "warn", restarting: "warn", away: "warn", stopping: "warn",
  open: "warn", needs_reroute: "warn", draining: "warn", degraded: "bad", unactioned: "warn",
  failed: "bad", failed_pairing: "bad", quarantined: "bad", blocked: "bad", rejected: "bad",
};

// A state, by colour and by word.
export function badge(group, value) {
  return h("span", { class: `badge ${TONES[value] ?? "calm"}` }, word(group, value));
}

export const tone = (value) => TONES[value] ?? "calm";

// Somebody with a page of their own; "–" for nobody.
export function person(base, someone) {
  if (!someone) return "–";
  return h("a", { href: `#${base}/${someone.id}` }, someone.display_name || t("nobody"));
}

export const idText = (id) => h("code", { title: id }, shortId(id));

export function link(path, text) {
  return h("a", { href: `#${path}` }, text);
}

export function heading(title, { hint, actions } = {}) {
  return h("header", { class: "page-head" },
    h("div", {},
      h("h1", { tabindex: "-1" }, title),
      hint && h("p", { class: "hint" }, hint)),
    actions && h("div", { class: "actions" }, actions));
}

export function empty(title, hint) {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), h("p", {}, hint));
}

// A refusal, what to do about it, and a way to try again.
export function problemBox(problem, again) {
  return h("div", { class: "problem", role: "alert" },
    h("p", { class: "problem-title" }, problem.advice ?? t("problem.other")),
    problem.detail && h("p", {}, problem.detail),
    problem.requestId && h("p", {}, t("problem.request"), " ", h("code", {}, problem.requestId)),
    again && h("button", { type: "button", onclick: again }, t("again")));
}

export const loading = () => h("p", { class: "loading", role: "status" }, t("loading"));

// Facts as a list of terms: [[label, value], …]; those without a value are left out.
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs
    .filter(([, value]) => value !== null && value !== undefined && value !== false)
    .map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))));
}

export function card(title, ...children) {
  return h("section", { class: "card" }, h("h2", {}, title), children);
}

// Copies beside a value that somebody will want elsewhere.
export function crumb(path, text) {
  return h("p", { class: "crumb" }, h("a", { href: `#${path}` }, `← ${text}`));
}
