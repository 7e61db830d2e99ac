// One mitra: account, capacity, presence, and the work of today.

import { get, isAbort, patch, post } from "../lib/api.js";
import { h, put } from "../lib/dom.js";
import { count, time } from "../lib/format.js";
import { t } from "../lib/words.js";
import { badge, card, crumb, facts, heading, idText, link, loading, problemBox } from "../parts/bits.js";
import { openForm } from "../parts/dialog.js";
import { field, form } from "../parts/form.js";
import { notify } from "../parts/notice.js";

export function render(view) {
  const body = h("div", {}, loading());
  const title = heading(t("mitra.title"));
  const load = () => get(`/internal/mitras/${view.params.id}`, {}, { signal: view.signal }).then(
    (mitra) => {
      title.querySelector("h1").textContent = mitra.display_name;
      put(body, draw(mitra, load));
    },
    (problem) => isAbort(problem) || put(body, problemBox(problem, load)));
  load();
  return h("div", {}, crumb("/mitra", t("nav.mitras")), title, body);
}

function draw(mitra, reload) {
  return h("div", { class: "columns" },
    card(t("mitra.edit"), edit(mitra, reload)),
    h("div", { class: "stack" },
      card(t("mitra.now"), facts([
        [t("mitras.presence"), badge("mitra", mitra.is_online ? "online" : "offline")],
        [t("column.account"), badge("account", mitra.is_active ? "active" : "inactive")],
        [t("mitra.running"), mitra.active_sessions !== undefined && count(mitra.active_sessions)],
        [t("mitras.offers"), mitra.offers_today !== undefined && count(mitra.offers_today)],
        [t("mitras.accepts"), mitra.accepts_today !== undefined && count(mitra.accepts_today)],
        [t("mitra.declines"), mitra.declines_today !== undefined && count(mitra.declines_today)],
        [t("column.phone"), mitra.phone],
        [t("column.since"), time(mitra.created_at, "moment")],
        ["Id", idText(mitra.id)],
      ]), h("p", { class: "links" },
        link(`/sesi?mitra_id=${mitra.id}`, t("mitra.sessions")), " · ",
        link(`/log-online?mitra_id=${mitra.id}`, t("nav.onlinelog")))),
      card(t("mitra.access"),
        mitra.is_online && h("button", { type: "button", onclick: () => offline(mitra, reload) }, t("mitra.putoffline")),
        h("p", { class: "hint" }, t(mitra.is_active ? "mitra.active.text" : "mitra.inactive.text")),
        h("button", { type: "button", class: mitra.is_active ? "danger" : "primary", onclick: () => activate(mitra, reload) },
          t(mitra.is_active ? "mitra.deactivate" : "mitra.activate")))));
}

function edit(mitra, reload) {
  return form({
    fields: [
      field({ name: "display_name", label: t("column.name"), value: mitra.display_name, required: true, maxlength: 40 }),
      field({ name: "capacity_override", label: t("mitras.capacity"), kind: "number", min: 0, max: 50, step: 1,
        value: mitra.capacity_override ?? "", hint: t("mitra.capacity.hint") }),
    ],
    submit: t("save"),
    send: async ({ display_name: name, capacity_override: capacity }) => {
      await patch(`/internal/mitras/${mitra.id}`, { display_name: name, capacity_override: capacity === "" ? null : Number(capacity) });
      notify(t("saved"));
      reload();
    },
  });
}

function offline(mitra, reload) {
  openForm({
    title: t("mitra.offline.ask", { name: mitra.display_name }), text: t("mitra.offline.text"), submit: t("mitra.putoffline"),
    send: async () => {
      await post(`/internal/mitras/${mitra.id}/offline`);
      notify(t("mitra.offline.done", { name: mitra.display_name }));
      reload();
    },
  });
}

function activate(mitra, reload) {
  const next = !mitra.is_active;
  const key = next ? "mitra.activate" : "mitra.deactivate";
  openForm({
    title: t(`${key}.ask`, { name: mitra.display_name }), text: t(`${key}.text`), submit: t(key), tone: next ? "primary" : "danger",
    send: async () => {
      await patch(`/internal/mitras/${mitra.id}`, { is_active: next });
      notify(t(`${key}.done`, { name: mitra.display_name }));
      reload();
    },
  });
}
