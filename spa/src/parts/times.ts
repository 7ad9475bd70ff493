// Times as people read them, in the form of their own language and region.
import { userLocales } from "./user-locales.ts";

const locales = userLocales(typeof navigator === "undefined" ? [] : navigator.languages);
const format = new Intl.DateTimeFormat(locales, { dateStyle: "medium", timeStyle: "short" });
const exactFormat = new Intl.DateTimeFormat(locales, { timeStyle: "medium" });
const clockFormat = new Intl.DateTimeFormat(locales, { timeStyle: "short" });

export function timeText(atMs: number): string {
  return format.format(atMs);
}

/** Of something that happened just now: the date goes without saying, the second does not. */
export function secondText(atMs: number): string {
  return exactFormat.format(atMs);
}

export function clockText(atMs: number): string {
  return clockFormat.format(atMs);
}

/** The two largest units that matter: "7 h 59 min", "29 min 12 s", "4 s". */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}
