// A refusal of the server (RFC 9457), or a server that cannot be reached.

import { hasWord, t } from "./words.js";

export class Problem extends Error {
  constructor({ status = 0, code = "unknown", detail = "", errors = [], request_id = null }) {
    super(detail || code);
    Object.assign(this, { status, code, detail, errors, requestId: request_id });
  }

  // What has happened, and what to do about it, for people.
  get advice() {
    for (const key of [`problem.${this.code}`, `problem.${this.status}`]) {
      if (hasWord(key)) return t(key);
    }
    return t(this.status >= 500 ? "problem.500" : "problem.other");
  }
}

export const unreachable = () => new Problem({ code: "unreachable" });

export async function readProblem(response) {
  try {
    return new Problem(await response.json());
  } catch {
    return new Problem({ status: response.status, code: "unknown", detail: response.statusText });
  }
}
