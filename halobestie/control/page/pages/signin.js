// The only page of somebody who is not signed in.

import { signIn } from "../lib/auth.js";
import { h, put } from "../lib/dom.js";
import { t, language, setLanguage } from "../lib/words.js";
import { field, form } from "../parts/form.js";

export function showSignIn(root) {
  document.title = `${t("signin.title")} · Halo Bestie`;
  const email = field({ name: "email", label: t("signin.email"), kind: "email", required: true, autocomplete: "username" });
  const password = field({ name: "password", label: t("signin.password"), kind: "password", required: true, autocomplete: "current-password" });
  const other = language() === "en" ? "id" : "en";
  put(root, h("main", { class: "signin" },
    h("div", { class: "signin-card" },
      h("img", { src: "/page/icon.svg", alt: "", width: 48, height: 48 }),
      h("h1", {}, t("signin.title")),
      h("p", { class: "hint" }, t("signin.hint")),
      form({
        fields: [email, password],
        submit: t("signin.submit"),
        send: (values) => signIn(values.email, values.password),
      }),
      h("button", {
        type: "button", class: "quiet", lang: other,
        onclick: () => { setLanguage(other); showSignIn(root); },
      }, other === "en" ? "English" : "Bahasa Indonesia"))));
  email.input.focus();
  return () => {};
}
