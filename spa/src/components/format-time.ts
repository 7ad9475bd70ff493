// Dates, times and durations in the user's locale.
import { userLocales } from "./user-locales.ts";

const locales = userLocales(typeof navigator === "undefined" ? [] : navigator.languages);
const dateTimeFormat = new Intl.DateTimeFormat(locales, { dateStyle: "medium", timeStyle: "short" });
const timeWithSecondsFormat = new Intl.DateTimeFormat(locales, { timeStyle: "medium" });
const timeFormat = new Intl.DateTimeFormat(locales, { timeStyle: "short" });

export function formatDateTime(atMs: number): string {
  return dateTimeFormat.format(atMs);
}

export function formatTimeWithSeconds(atMs: number): string {
  return timeWithSecondsFormat.format(atMs);
}

export function formatTime(atMs: number): string {
  return timeFormat.format(atMs);
}

/** The two largest units: "7 h 59 min", "29 min 12 s", "4 s". */
export function formatDuration(ms: number): string {
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
