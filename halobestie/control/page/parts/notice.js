// Short words on what was done, said to everybody: shown for a while, and read aloud.

import { h } from "../lib/dom.js";
import { t } from "../lib/words.js";

const SHOWN = 6000; // milliseconds

export function notify(text, tone = "good") {
  const notice = h("div", { class: `notice ${tone}` },
    h("span", {}, text),
    h("button", { type: "button", class: "quiet", "aria-label": t("close"), onclick: () => notice.remove() }, "×"));
  document.getElementById("notices").append(notice);
  setTimeout(() => notice.remove(), SHOWN);
}

export function notifyProblem(problem) {
  notify([problem.advice, problem.detail].filter(Boolean).join(" "), "bad");
}
