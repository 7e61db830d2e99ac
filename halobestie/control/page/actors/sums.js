// Above the tree: totals, dead letters by type, and what a restart would meet.

import { get, isAbort } from "../lib/api.js";
import { h, put, say } from "../lib/dom.js";
import { count, timeText } from "../lib/format.js";
import { t } from "../lib/words.js";

const FORECAST_EVERY = 10000; // milliseconds

export function makeSums() {
  const figures = Object.fromEntries(["actors", "rate", "messages", "restarts", "dead"].map((name) => [name, h("strong", {})]));
  const letters = h("div", { class: "letters" });
  const element = h("div", { class: "sums" },
    Object.entries(figures).map(([name, figure]) => h("p", { class: "sum" }, figure, h("span", {}, t(`actors.sum.${name}`)))),
    h("details", { class: "letters-box" }, h("summary", {}, t("actors.letters")), letters));
  let told = "";

  function show(store) {
    say(figures.actors, count(store.totals.actors));
    say(figures.rate, store.rate.toFixed(store.rate < 10 ? 1 : 0));
    say(figures.messages, count(store.totals.messages));
    say(figures.restarts, count(store.totals.restarts));
    say(figures.dead, count(store.totals.dead_letters));
    const text = JSON.stringify(store.deadLetters);
    if (text === told) return;
    told = text;
    const types = Object.entries(store.deadLetters).sort(([, a], [, b]) => b - a);
    put(letters, types.length
      ? h("ul", { class: "plain" }, types.map(([name, n]) => h("li", {}, h("code", {}, name), " ", h("strong", {}, count(n)))))
      : h("p", { class: "hint" }, t("actors.letters.none")));
  }
  return { element, show };
}

export function makeForecast(view) {
  const body = h("div", { class: "forecast-body" });
  const element = h("section", { class: "card forecast" }, h("h2", {}, t("forecast.title")), body);
  let timer = 0;
  async function load() {
    try {
      put(body, draw(await get("/internal/debug/drain-forecast", {}, { signal: view.signal })));
    } catch (problem) {
      if (isAbort(problem)) return;
      put(body, h("p", { class: "hint", role: "alert" }, `${problem.advice} ${problem.detail ?? ""}`));
    }
    timer = setTimeout(load, FORECAST_EVERY);
  }
  view.onLeave(() => clearTimeout(timer));
  load();
  return element;
}

function draw(seen) {
  const most = Math.max(1, ...seen.minutes.map((minute) => minute.deadlines));
  const quietest = seen.quietest.starts_at;
  return [
    h("p", {}, t("forecast.now", {
      running: count(seen.sessions_running), soon: count(seen.sessions_ending_soon),
      extensions: count(seen.extensions_open), searches: count(seen.searches_open),
    }), " ", h("strong", {}, t("forecast.quietest", { at: timeText(quietest, "hour"), n: count(seen.quietest.deadlines), running: count(seen.quietest.sessions_running) }))),
    h("ol", { class: "minutes", "aria-label": t("forecast.minutes") }, seen.minutes.map((minute) => {
      const bar = h("span", { class: "minute-bar" });
      bar.style.height = `${(100 * minute.deadlines) / most}%`;
      const text = t("forecast.minute", { at: timeText(minute.starts_at, "hour"), n: minute.deadlines, ends: minute.sessions_ending, running: minute.sessions_running });
      return h("li", { class: minute.starts_at === quietest ? "quietest" : "", title: text }, bar, h("span", { class: "visually-hidden" }, text));
    })),
  ];
}
