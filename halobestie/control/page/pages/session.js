// One session: its clock, its timeline, and what an operator can do to it.

import { get, isAbort, post } from "../lib/api.js";
import { isAdmin } from "../lib/auth.js";
import { h, put } from "../lib/dom.js";
import { clock, count, length, time } from "../lib/format.js";
import { t, word } from "../lib/words.js";
import { badge, card, crumb, facts, heading, idText, loading, person, problemBox } from "../parts/bits.js";
import { openForm } from "../parts/dialog.js";
import { field } from "../parts/form.js";
import { notify } from "../parts/notice.js";
import { mitras } from "../parts/people.js";
import { timeline } from "../parts/timeline.js";
import { transcript } from "../parts/transcript.js";

const LOOK_AGAIN = 4000; // milliseconds, while the session goes on
const RUNS = ["active", "expired"];

export function render(view) {
  const head = h("div", {}, heading(t("session.title")));
  const body = h("div", {}, loading());
  const talk = transcript(view, view.params.id);
  let names = new Map();
  let timer = 0;
  let drawn = "";

  async function load() {
    clearTimeout(timer);
    try {
      const story = await get(`/internal/sessions/${view.params.id}`, {}, { signal: view.signal });
      if (!names.size && story.timeline.some((event) => event.event === "rerouted")) {
        names = new Map((await mitras({}, view.signal)).map((each) => [each.id, each]));
      }
      const text = JSON.stringify(story);
      if (text !== drawn) put(body, draw(story));
      drawn = text;
      if (story.session.status !== "completed") timer = setTimeout(load, LOOK_AGAIN);
    } catch (problem) {
      if (!isAbort(problem)) put(body, problemBox(problem, load));
    }
  }

  function draw(story) {
    const { session } = story;
    put(head, heading(`${session.customer.display_name} · ${session.mitra.display_name}`, {
      hint: t("session.title"), actions: actions(session),
    }));
    return [
      session.needs_reroute && h("p", { class: "verdict warn" }, badge("session", "needs_reroute"), " ", t("session.reroute.needed")),
      h("div", { class: "columns" },
        h("div", { class: "stack" },
          card(t("session.clock"), clockOf(view, session)),
          card(t("session.facts"), details(session)),
          story.extensions.length > 0 && card(t("session.extensions"), extensions(story.extensions))),
        card(t("session.timeline"), timeline(story, names))),
    ];
  }

  function actions(session) {
    return [
      RUNS.includes(session.status) && h("button", { type: "button", onclick: () => reroute(session, load) }, t("session.reroute")),
      RUNS.includes(session.status) && h("button", { type: "button", class: "danger", onclick: () => end(session, load) }, t("session.end")),
    ];
  }

  view.onLeave(() => clearTimeout(timer));
  load();
  return h("div", {}, crumb("/sesi", t("nav.sessions")), head, body, isAdmin() && talk);
}

// What time it is in the session, counting down by itself.
function clockOf(view, session) {
  const face = h("p", { class: "clock", role: "timer" });
  const [until, label] = {
    active: [session.ends_at, "session.until.end"],
    expired: [session.extension?.expires_at ?? session.decision_deadline, "session.until.decision"],
    closing: [session.grace_deadline, "session.until.grace"],
  }[session.status] ?? [null, null];
  if (!until) return h("p", {}, badge("session", session.status), " ", session.completion_reason && t(`completion.${session.completion_reason}`));
  const tick = () => { face.textContent = clock((Date.parse(until) - Date.now()) / 1000); };
  tick();
  const timer = setInterval(() => (face.isConnected ? tick() : clearInterval(timer)), 500);
  view.onLeave(() => clearInterval(timer));
  return [h("p", {}, badge("session", session.status), session.extension && badge("session", "extension_pending")), face, h("p", { class: "hint" }, t(label), " ", time(until, "clock"))];
}

function details(session) {
  return facts([
    [t("column.customer"), person("/pelanggan", session.customer)],
    [t("column.mitra"), [person("/mitra", session.mitra), " ", badge("mitra", session.mitra.is_online ? "online" : "offline")]],
    [t("column.start"), time(session.started_at, "moment")],
    [t("column.end"), time(session.ended_at ?? session.ends_at, "moment")],
    [t("column.length"), t("length.minutes", { m: session.duration_minutes })],
    [t("session.trial"), session.is_free_trial && t("yes")],
    [t("session.topics"), session.topics.join(", ") || null],
    [t("session.sensitivity"), word("sensitivity", session.sensitivity)],
    [t("session.messages"), count(session.last_seq)],
    [t("session.rating"), session.rating && `${"★".repeat(session.rating.stars)} (${session.rating.stars}/5)${session.rating.comment ? ` ${session.rating.comment}` : ""}`],
    [t("session.endedby"), session.ended_by && word("actor", session.ended_by)],
    [t("column.payment"), idText(session.payment_request_id)],
    ["Id", idText(session.id)],
  ]);
}

function extensions(all) {
  return h("ul", { class: "plain" }, all.map((one) => h("li", {},
    badge("extension", one.status), " ", t("length.minutes", { m: one.duration_minutes }), " · ", time(one.requested_at, "clock"),
    one.resolved_at && ` · ${length((Date.parse(one.resolved_at) - Date.parse(one.requested_at)) / 1000)}`,
    one.reason && ` · ${word("extension.reason", one.reason)}`)));
}

async function reroute(session, done) {
  let free;
  try {
    free = (await mitras({ is_online: true })).filter((mitra) => mitra.is_active && mitra.id !== session.mitra.id);
  } catch (problem) {
    notify(`${problem.advice} ${problem.detail ?? ""}`, "bad");
    return;
  }
  const choice = field({ name: "mitra_id", label: t("session.reroute.to"), kind: "select", required: true,
    options: [["", t("choose")], ...free.map((mitra) => [mitra.id, mitra.display_name])],
    hint: t(free.length ? "session.reroute.hint" : "session.reroute.nobody") });
  openForm({
    title: t("session.reroute"), text: t("session.reroute.text"), fields: [choice], submit: t("session.reroute"),
    send: async (values) => {
      const answer = await post(`/internal/sessions/${session.id}/reroute`, values);
      notify(t("session.reroute.done", { name: answer.session.mitra.display_name }));
      done();
    },
  });
}

function end(session, done) {
  openForm({
    title: t("session.end.ask"), text: t("session.end.text"), submit: t("session.end"), tone: "danger",
    fields: [field({ name: "reason", label: t("reason"), kind: "textarea", required: true, maxlength: 500, hint: t("session.end.hint") })],
    send: async (values) => {
      await post(`/internal/sessions/${session.id}/end`, values);
      notify(t("session.end.done"));
      done();
    },
  });
}
