// Calls to the server, signed in. An expired token is renewed and the call made again, once.

import { accessToken, refresh } from "./auth.js";
import { readProblem, unreachable } from "./problem.js";

let pending = 0;
let onPending = () => {};

// Told how many calls are under way, for the progress line.
export function whenPending(listener) {
  onPending = listener;
}

export const get = (path, query, options) => call("GET", path + search(query), undefined, options);
export const post = (path, body, options) => call("POST", path, body, options);
export const patch = (path, body, options) => call("PATCH", path, body, options);

export function search(query) {
  const wanted = Object.entries(query ?? {})
    .filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return wanted.length ? `?${new URLSearchParams(wanted)}` : "";
}

async function call(method, path, body, { signal } = {}) {
  onPending(++pending);
  try {
    let response = await send(method, path, body, signal);
    if (response.status === 401) {
      await refresh();
      response = await send(method, path, body, signal);
    }
    if (!response.ok) throw await readProblem(response);
    return response.status === 204 ? null : await response.json();
  } finally {
    onPending(--pending);
  }
}

async function send(method, path, body, signal) {
  const headers = { Authorization: `Bearer ${accessToken()}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
}

export const isAbort = (error) => error?.name === "AbortError";
