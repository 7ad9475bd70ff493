// Challenges of an upstream for a bearer or DPoP token (RFC 6750 §3, RFC 9449 §7.1): their parameters.
import type { IncomingHttpHeaders } from "node:http";

const MAX_CHALLENGE_CHARS = 4_096;
const BEARER = /(?:^|,)\s*(?:Bearer|DPoP)\s/i;
/** `name=token` or `name="quoted"` (RFC 9110 §11.2). The first of duplicate names counts. */
const PARAMETER = /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/g;

/** @returns the parameters by lower-case name; undefined without a challenge of these schemes */
export function challengeParameters({
  "www-authenticate": header,
}: IncomingHttpHeaders): ReadonlyMap<string, string> | undefined {
  if (header === undefined) return undefined;
  const challenge = String(header);
  if (challenge.length > MAX_CHALLENGE_CHARS || !BEARER.test(challenge)) return undefined;
  const parameters = new Map<string, string>();
  for (const [, name = "", quoted, plain = ""] of challenge.matchAll(PARAMETER)) {
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted?.replace(/\\(.)/g, "$1") ?? plain);
  }
  return parameters;
}

/** Whether the response rejects the access token itself: expired, revoked, malformed or otherwise invalid. */
export function rejectsToken(status: number, headers: IncomingHttpHeaders): boolean {
  return status === 401 && challengeParameters(headers)?.get("error") === "invalid_token";
}
