// Who is signed in. The access token lives in this module's memory and nowhere else; the
// refresh token is a cookie that no script sees. A refresh is made once, however many wait.

import { keep, kept } from "./keep.js";
import { readProblem, unreachable } from "./problem.js";

const EARLY = 60; // seconds before its end a token is renewed
let token = null;
let user = null;
let refreshing = null;
let timer = 0;
let onChange = () => {};

export const accessToken = () => token;
export const currentUser = () => user;
export const isAdmin = () => user?.role === "admin";

// `listener` is called with the user, or null, whenever that is somebody else.
export function whenSomebodyElse(listener) {
  onChange = listener;
}

export async function signIn(email, password) {
  take(await ask("/internal/auth/login", { email, password }));
}

// At the start: signed in again by the cookie, if this browser has signed in before.
export async function resume() {
  if (!kept("signedIn")) return;
  try {
    await refresh();
  } catch { /* the sign-in page comes; it tells what is wrong when it is used */ }
}

// One refresh at a time; all who ask meanwhile wait for the same one.
export function refresh() {
  refreshing ??= ask("/internal/auth/refresh").then(take, (problem) => {
    if (problem.status === 401 || problem.status === 403) leave();
    throw problem;
  }).finally(() => { refreshing = null; });
  return refreshing;
}

export async function signOut() {
  const bearer = token;
  leave();
  await fetch("/internal/auth/logout", {
    method: "POST",
    headers: { Authorization: `Bearer ${bearer}` },
  }).catch(() => {});
}

// The server no longer knows us.
export function leave() {
  clearTimeout(timer);
  keep("signedIn", null);
  const was = user;
  token = user = null;
  if (was) onChange(null);
}

function take(answer) {
  const was = user?.id;
  token = answer.access_token;
  user = answer.user;
  keep("signedIn", "1");
  clearTimeout(timer);
  timer = setTimeout(() => refresh().catch(() => {}), Math.max(5, answer.expires_in - EARLY) * 1000);
  if (was !== user.id) onChange(user);
}

async function ask(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      credentials: "same-origin",
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw unreachable();
  }
  if (!response.ok) throw await readProblem(response);
  return response.json();
}
