// What stands around every page: the way round, who is signed in, theme and language.

import { currentUser, isAdmin, signOut } from "../lib/auth.js";
import { whenPending } from "../lib/api.js";
import { h, put } from "../lib/dom.js";
import { keep, kept } from "../lib/keep.js";
import { here, match, replaceQuery } from "../lib/router.js";
import { language, setLanguage, t } from "../lib/words.js";
import { GROUPS, ROUTES } from "./routes.js";
import { empty, heading, problemBox } from "./bits.js";

const SHOW_PROGRESS_AFTER = 200; // milliseconds

// Draws into `root` until the returned function is called. `redraw` starts all over.
export function startShell(root, redraw) {
  const main = h("main", { id: "main", tabindex: "-1" });
  const progress = h("div", { class: "progress", "aria-hidden": "true" });
  const nav = h("nav", { "aria-label": t("nav.label"), id: "nav" });
  const menu = h("button", {
    type: "button", class: "menu", "aria-expanded": "false", "aria-controls": "nav", onclick: () => fold(),
  }, h("span", { "aria-hidden": "true" }, "☰"), " ", t("nav.menu"));
  const side = h("header", { class: "side" },
    h("div", { class: "brand" },
      h("img", { src: "/page/icon.svg", alt: "", width: 28, height: 28 }),
      h("span", {}, "Halo Bestie"), menu),
    nav, about(redraw));
  put(root,
    h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); main.focus(); } }, t("skip")),
    progress, h("div", { class: "frame" }, side, main));

  let progressTimer = 0;
  whenPending((pending) => {
    clearTimeout(progressTimer);
    if (pending) progressTimer = setTimeout(() => { progress.dataset.on = ""; }, SHOW_PROGRESS_AFTER);
    else delete progress.dataset.on;
  });

  function fold(open = menu.getAttribute("aria-expanded") !== "true") {
    menu.setAttribute("aria-expanded", String(open));
    side.toggleAttribute("data-open", open);
  }

  let leave = () => {};
  let first = true;
  function show() {
    leave();
    fold(false);
    put(nav, links(here().path));
    leave = open(main, !first);
    first = false;
  }
  addEventListener("hashchange", show);
  show();
  return () => {
    leave();
    removeEventListener("hashchange", show);
    whenPending(() => {});
  };
}

// Draws the page of the address; returns what leaves it again.
function open(main, focus) {
  const { path, query } = here();
  const found = match(ROUTES, path);
  const leaving = new AbortController();
  const view = {
    query,
    params: found?.params ?? {},
    signal: leaving.signal,
    setQuery: (next) => { if (!leaving.signal.aborted) replaceQuery(next); },
    onLeave: (action) => leaving.signal.addEventListener("abort", action),
    go: (next) => { location.hash = next; },
    redraw: () => dispatchEvent(new HashChangeEvent("hashchange")),
  };
  const page = found?.route;
  if (!page) put(main, heading(t("lost.title")), empty(t("lost.title"), t("lost.hint")));
  else if (page.admin && !isAdmin()) put(main, heading(t(page.title)), empty(t("admin.only"), t("admin.only.hint")));
  else page.load().then(
    (module) => { if (!leaving.signal.aborted) draw(module, page); },
    () => put(main, problemBox({ advice: t("problem.unreachable") }, () => location.reload())));

  function draw(module, route) {
    put(main, module.render(view));
    document.title = `${t(route.title)} · Halo Bestie`;
    if (focus) main.querySelector("h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  return () => leaving.abort();
}

function links(path) {
  return GROUPS.map(([group, pages]) => h("div", { class: "nav-group" },
    h("p", { class: "nav-title", id: `nav-${group}` }, t(`nav.${group}`)),
    h("ul", { "aria-labelledby": `nav-${group}` }, pages
      .filter((page) => !page.admin || isAdmin())
      .map((page) => h("li", {}, h("a", {
        href: `#${page.pattern}`,
        "aria-current": path === page.pattern ? "page" : path.startsWith(`${page.pattern}/`) ? "true" : null,
      }, t(page.title)))))));
}

function about(redraw) {
  const user = currentUser();
  const theme = kept("theme") ?? "auto";
  const choose = (next) => {
    keep("theme", next === "auto" ? null : next);
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
  };
  return h("div", { class: "about" },
    h("div", { class: "choices" },
      h("label", {}, h("span", {}, t("theme")),
        picker(theme, ["auto", "light", "dark"].map((each) => [each, t(`theme.${each}`)]), choose)),
      h("label", {}, h("span", {}, t("language")),
        picker(language(), [["id", "Indonesia"], ["en", "English"]], (next) => { setLanguage(next); redraw(); }))),
    h("p", { class: "who" }, h("strong", {}, user.display_name), h("span", {}, t(`role.${user.role}`))),
    h("button", { type: "button", class: "quiet", onclick: signOut }, t("signout")));
}

function picker(value, options, onChoose) {
  const element = h("select", { onchange: () => onChoose(element.value) },
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return element;
}
