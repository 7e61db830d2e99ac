// Every word of the page, in Indonesian first. t("nav.mitras") in the language that is on;
// {name} in a text is replaced by vars.name. A missing key shows itself, so that tests see it.

import { keep } from "./keep.js";
import common from "../words/common.js";
import people from "../words/people.js";
import talks from "../words/talks.js";
import system from "../words/system.js";
import knobs from "../words/knobs.js";

const DICTIONARY = { ...common, ...people, ...talks, ...system, ...knobs };
const LANGUAGES = ["id", "en"];

export const language = () => document.documentElement.lang;
export const locale = () => (language() === "en" ? "en-GB" : "id-ID");

export function setLanguage(code) {
  document.documentElement.lang = code;
  keep("language", code);
}

export const hasWord = (key) => key in DICTIONARY;

export function t(key, vars = {}) {
  const texts = DICTIONARY[key];
  if (!texts) return key;
  const text = texts[LANGUAGES.indexOf(language())] ?? texts[0];
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in vars ? String(vars[name]) : whole));
}

// A word of the server (a status, a cause): from the dictionary, else as it came.
export function word(group, value) {
  const key = `${group}.${value}`;
  return hasWord(key) ? t(key) : String(value ?? "–");
}
