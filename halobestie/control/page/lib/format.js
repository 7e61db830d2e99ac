// Numbers, money, times and lengths as people here write them.

import { h } from "./dom.js";
import { locale, t } from "./words.js";

export const count = (value) => new Intl.NumberFormat(locale()).format(value);

export const rupiah = (value) =>
  new Intl.NumberFormat(locale(), { style: "currency", currency: "IDR", maximumFractionDigits: 0 })
    .format(value);

const SHAPES = {
  moment: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
  short: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  hour: { hour: "2-digit", minute: "2-digit" },
};

export const timeText = (iso, shape = "short") =>
  new Intl.DateTimeFormat(locale(), SHAPES[shape]).format(new Date(iso));

// A moment in the operator's own time zone; the exact one in UTC as its title.
export function time(iso, shape = "short") {
  if (!iso) return "–";
  return h("time", { datetime: iso, title: iso }, timeText(iso, shape));
}

export function length(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours >= 48) return t("length.days", { d: Math.floor(hours / 24), h: hours % 24 });
  if (hours) return t("length.hours", { h: hours, m: minutes });
  if (minutes) return rest ? t("length.both", { m: minutes, s: rest }) : t("length.minutes", { m: minutes });
  if (seconds > 0 && seconds < 1) return t("length.milliseconds", { ms: Math.max(1, Math.round(seconds * 1000)) });
  return t("length.seconds", { s: seconds < 10 ? count(Math.round(Math.max(0, seconds) * 10) / 10) : whole });
}

// A running clock: 4:05, 1:02:03.
export function clock(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

// The end of an id: the beginnings of ids made in the same minute are alike.
export const shortId = (id) => `…${String(id).slice(-6)}`;
