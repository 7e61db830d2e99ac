// One customer: the account, a block, and the way to their sessions.

import { get, isAbort, patch } from "../lib/api.js";
import { h, put } from "../lib/dom.js";
import { time } from "../lib/format.js";
import { t } from "../lib/words.js";
import { card, crumb, facts, heading, idText, link, loading, problemBox } from "../parts/bits.js";
import { openForm } from "../parts/dialog.js";
import { notify } from "../parts/notice.js";
import { standing } from "./customers.js";

export function render(view) {
  const body = h("div", {}, loading());
  const title = heading(t("customer.title"));
  const load = () => get(`/internal/customers/${view.params.id}`, {}, { signal: view.signal }).then(
    (customer) => {
      title.querySelector("h1").textContent = customer.display_name;
      put(body, draw(customer, load));
    },
    (problem) => isAbort(problem) || put(body, problemBox(problem, load)));
  load();
  return h("div", {}, crumb("/pelanggan", t("nav.customers")), title, body);
}

function draw(customer, reload) {
  return h("div", { class: "columns" },
    card(t("customer.account"), facts([
      [t("column.account"), standing(customer)],
      [t("column.phone"), customer.phone],
      [t("column.since"), time(customer.created_at, "moment")],
      ["Id", idText(customer.id)],
    ]), h("p", {}, link(`/sesi?customer_id=${customer.id}`, t("customer.sessions")))),
    !customer.is_closed && card(t("customer.access"),
      h("p", {}, t(customer.is_blocked ? "customer.blocked.text" : "customer.open.text")),
      h("button", { type: "button", class: customer.is_blocked ? "" : "danger", onclick: () => ask(customer, reload) },
        t(customer.is_blocked ? "customer.unblock" : "customer.block"))));
}

function ask(customer, reload) {
  const block = !customer.is_blocked;
  openForm({
    title: t(block ? "customer.block.ask" : "customer.unblock.ask", { name: customer.display_name }),
    text: t(block ? "customer.block.text" : "customer.unblock.text"),
    submit: t(block ? "customer.block" : "customer.unblock"),
    tone: block ? "danger" : "primary",
    send: async () => {
      await patch(`/internal/customers/${customer.id}`, { is_blocked: block });
      notify(t(block ? "customer.block.done" : "customer.unblock.done", { name: customer.display_name }));
      reload();
    },
  });
}
