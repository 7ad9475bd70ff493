// What caches may do with an API's answer. One user's answer must never be another's (I3, ASVS 14.2.2).

/**
 * Answers that depend on the user are never stored by shared caches, and by the browser only to be asked about again:
 * the next person to log in on this machine has the same URLs. `max-age` therefore does not survive.
 */
export function allowedCaching(value: string | string[] | undefined, token: string): string {
  if (value === undefined) return "no-store";
  const text = String(value);
  if (token === "none") return text;
  return /\bno-store\b/i.test(text) ? "no-store" : "private, no-cache";
}
