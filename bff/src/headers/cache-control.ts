// Cache-Control of forwarded responses: one user's response must not be served to another user (I3, ASVS 14.2.2).

/**
 * Responses that depend on the user are `no-store` or `private, no-cache`: shared caches must not store them, and a browser
 * must revalidate them, since the next user of the browser requests the same URLs. `max-age` is removed.
 */
export function allowedCaching(value: string | string[] | undefined, token: string): string {
  if (value === undefined) return "no-store";
  const text = String(value);
  if (token === "none") return text;
  return /\bno-store\b/i.test(text) ? "no-store" : "private, no-cache";
}
