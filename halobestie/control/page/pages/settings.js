// Every knob, from the server's own schema. Changes gather until they are saved together.

import { get, isAbort, patch } from "../lib/api.js";
import { h, put, say } from "../lib/dom.js";
import { hasWord, t } from "../lib/words.js";
import { card, facts, heading, loading, problemBox } from "../parts/bits.js";
import { knob } from "../parts/knob.js";
import { notify } from "../parts/notice.js";

const GROUPS = {
  pairing: ["max_customers_per_mitra", "mitra_stale_after_seconds", "pairing_blast_timeout_seconds", "returning_chat_confirmation_timeout_seconds"],
  session: ["extension_timeout_seconds", "extension_default_action_on_timeout", "expired_decision_seconds", "closing_grace_seconds", "early_end_customer_enabled", "early_end_mitra_enabled"],
  customer: ["anonymous_customers_enabled", "anonymous_max_sessions", "mitra_sees_customer_name"],
  payment: ["payment_session_timeout_minutes", "free_trial_enabled", "free_trial_duration_minutes", "pricing_tiers"],
  app: ["topics", "support_handles"],
};

export function render(view) {
  const body = h("div", { class: "settings" }, loading());
  const load = () => get("/internal/config", {}, { signal: view.signal }).then(
    (config) => put(body, draw(view, config, load)),
    (problem) => isAbort(problem) || put(body, problemBox(problem, load)));
  load();
  return h("div", {}, heading(t("nav.settings"), { hint: t("settings.hint") }), body);
}

function draw(view, config, reload) {
  const knobs = Object.entries(config.schema).map(([key, about]) => knob(key, about, config.values[key], changed));
  const bar = saveBar({ save, revert: () => { knobs.forEach((each) => each.revert()); changed(); } });
  const unsaved = () => knobs.filter((each) => each.changed);

  function changed() {
    bar.show(unsaved().length);
  }

  async function save() {
    for (const each of knobs) each.error = "";
    try {
      await patch("/internal/config", Object.fromEntries(unsaved().map((each) => [each.key, each.value])));
      notify(t("settings.saved"));
      removeEventListener("beforeunload", warn);
      reload();
    } catch (problem) {
      const wrong = (problem.errors ?? []).map(({ field, message }) => [knobs.find((each) => each.key === field), message]);
      for (const [each, message] of wrong) if (each) each.error = message;
      wrong.find(([each]) => each)?.[0].focus();
      bar.fail(wrong.length ? t("settings.wrong", { n: wrong.length }) : [problem.advice, problem.detail].join(" "));
    }
  }

  // Leaving with changes asks first, whichever way it is left.
  function warn(event) {
    if (unsaved().length) event.preventDefault();
  }
  function guard(event) {
    const anchor = event.target.closest?.("a[href^='#/']");
    if (anchor && unsaved().length && !window.confirm(t("settings.leave"))) event.preventDefault();
  }
  addEventListener("beforeunload", warn);
  document.addEventListener("click", guard, true);
  view.onLeave(() => {
    removeEventListener("beforeunload", warn);
    document.removeEventListener("click", guard, true);
  });

  const named = new Set(Object.values(GROUPS).flat());
  const groups = { ...GROUPS, other: knobs.map((each) => each.key).filter((key) => !named.has(key)) };
  return [
    ...Object.entries(groups).map(([name, keys]) => {
      const own = keys.map((key) => knobs.find((each) => each.key === key)).filter(Boolean);
      return own.length > 0 && card(t(`settings.${name}`), own.map((each) => each.element));
    }),
    card(t("settings.env"), h("p", { class: "hint" }, t("settings.env.hint")),
      facts(Object.entries(config.env).map(([key, value]) => [hasWord(`env.${key}`) ? t(`env.${key}`) : key, h("code", {}, String(value))]))),
    bar.element,
  ];
}

function saveBar({ save, revert }) {
  const text = h("p", { role: "status" });
  const button = h("button", { type: "button", class: "primary", onclick: run }, t("save"));
  const element = h("div", { class: "savebar", hidden: true }, text,
    h("button", { type: "button", onclick: revert }, t("settings.revert")), button);
  async function run() {
    button.disabled = true;
    await save();
    button.disabled = false;
  }
  return {
    element,
    show(n) {
      element.hidden = n === 0;
      delete element.dataset.bad;
      say(text, n ? t("settings.unsaved", { n }) : "");
    },
    fail(why) {
      element.dataset.bad = "";
      say(text, why);
    },
  };
}
