// GET /bff/user: the logged-in user and the session's limits. The request does not extend the session.
import { gateway } from "../paths.ts";
import { isRecord } from "./problem.ts";
import { type Outcome, request } from "./request.ts";
import { sanitizeJson, sanitizeText } from "./sanitize-text.ts";

const userTimeoutMs = 8_000;
/** `Date` has a resolution of one second and ages in transit: smaller differences are not clock skew. */
const minClockSkewMs = 10_000;

export interface User {
  readonly sub: string;
  /** The first non-blank of name, preferred_username, email and sub. */
  readonly displayName: string;
  readonly roles: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface Session {
  /** The public handle, never the session id. */
  readonly handle: string;
  readonly createdAtMs: number | null;
  readonly idleExpiresAtMs: number | null;
  readonly expiresAtMs: number | null;
  readonly authTimeMs: number | null;
  readonly acr: string | null;
  /** The provider's account console; null if it has none. */
  readonly accountUrl: string | null;
}

/** `ready`: a silent login may start. `pending`: another request shows whether the browser stores cookies. */
export type SilentLoginOffer = "ready" | "pending";

export type Auth =
  | { readonly kind: "anonymous"; readonly silentLogin?: SilentLoginOffer }
  | { readonly kind: "authenticated"; readonly user: User; readonly session: Session };

export function fetchUser(signal?: AbortSignal): Promise<Outcome<Auth>> {
  return request(gateway.user, {
    timeoutMs: userTimeoutMs,
    signal,
    parse: async (response) =>
      parseUserResponse(await response.json(), clockSkewMs(response.headers.get("date"), Date.now())),
  });
}

/**
 * @param skewMs see `clockSkewMs`; added to every time
 * @throws SyntaxError if the body is malformed or its user has no `sub` to tell users apart by
 */
export function parseUserResponse(body: unknown, skewMs = 0): Auth {
  if (!isRecord(body)) throw new SyntaxError("The user response is not an object");
  const { user, session, silentLogin } = body;
  if (user === null) {
    const isOffered = silentLogin === "ready" || silentLogin === "pending";
    return isOffered ? { kind: "anonymous", silentLogin } : { kind: "anonymous" };
  }
  if (!isRecord(user) || typeof user["sub"] !== "string") {
    throw new SyntaxError("The user response has no sub");
  }
  return { kind: "authenticated", user: parseUser(user, user["sub"]), session: parseSession(session, skewMs) };
}

function parseUser(received: Record<string, unknown>, sub: string): User {
  const claims = sanitizeJson(received) as Record<string, unknown>;
  const names = [claims["name"], claims["preferred_username"], claims["email"], claims["sub"]];
  const roles = Array.isArray(received["roles"]) ? received["roles"] : [];
  return {
    sub,
    displayName: (names.find((name) => typeof name === "string" && name.trim() !== "") ?? sub) as string,
    // Drops roles with hidden characters: sanitized, "ad<U+202E>min" would match "admin".
    roles: roles.filter((role) => typeof role === "string" && sanitizeText(role) === role),
    claims,
  };
}

function parseSession(value: unknown, skewMs: number): Session {
  const fields = isRecord(value) ? value : {};
  return {
    handle: typeof fields["id"] === "string" ? fields["id"] : "",
    createdAtMs: parseTimeMs(fields["createdAt"], skewMs),
    idleExpiresAtMs: parseTimeMs(fields["idleExpiresAt"], skewMs),
    expiresAtMs: parseTimeMs(fields["expiresAt"], skewMs),
    authTimeMs: parseTimeMs(fields["authTime"], skewMs),
    acr: typeof fields["acr"] === "string" ? sanitizeText(fields["acr"]) : null,
    accountUrl: httpUrlOrNull(fields["accountUrl"]),
  };
}

/** @returns milliseconds since the epoch by this machine's clock; null for a missing or malformed time */
export function parseTimeMs(value: unknown, skewMs: number): number | null {
  const atMs = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? null : atMs + skewMs;
}

/** Rejects other schemes: `javascript:` in a link would run in this origin. */
function httpUrlOrNull(value: unknown): string | null {
  return typeof value === "string" && /^https?:\/\//.test(value) ? value : null;
}

/**
 * How far this machine's clock is ahead of the gateway's, by the `Date` header. Added to the gateway's times, so that
 * countdowns are right on a machine with a wrong clock.
 * @returns 0 below `minClockSkewMs`
 */
export function clockSkewMs(dateHeader: string | null, nowMs: number): number {
  const gatewayMs = dateHeader === null ? Number.NaN : Date.parse(dateHeader);
  const skewMs = nowMs - gatewayMs;
  return Number.isNaN(skewMs) || Math.abs(skewMs) < minClockSkewMs ? 0 : skewMs;
}
