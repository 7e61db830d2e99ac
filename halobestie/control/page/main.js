// The start: sign in again by the cookie, then the page that the address names.

import { currentUser, resume, whenSomebodyElse } from "./lib/auth.js";
import { startShell } from "./parts/shell.js";
import { showSignIn } from "./pages/signin.js";

const app = document.getElementById("app");
let stop = () => {};

function show(user) {
  stop();
  stop = user ? startShell(app, () => show(currentUser())) : showSignIn(app);
}

await resume();
show(currentUser());
whenSomebodyElse(show);
