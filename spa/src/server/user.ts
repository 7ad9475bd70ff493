// GET /bff/user: who is logged in, and for how long. Never slides the session.
import { gateway } from "../paths.ts";
import { plainText, plainValue } from "./plain-text.ts";
import { isRecord } from "./problem.ts";
import { type Outcome, request } from "./request.ts";

const userDeadlineMs = 8_000;

export interface User {
  readonly sub: string;
  /** What to call the person: the first of name, preferred_username, email, sub that is there. */
  readonly displayName: string;
  readonly roles: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface Session {
  /** A public handle, never the session id. */
  readonly handle: string;
  readonly createdAtMs: number | null;
  readonly idleExpiresAtMs: number | null;
  readonly expiresAtMs: number | null;
  readonly authTimeMs: number | null;
  readonly acr: string | null;
  /** The provider's page for the user's own account; null where it has none. */
  readonly accountUrl: string | null;
}

export type Who =
  | { readonly kind: "nobody" }
  | { readonly kind: "user"; readonly user: User; readonly session: Session };

export function fetchUser(signal?: AbortSignal): Promise<Outcome<Who>> {
  return request(gateway.user, {
    deadlineMs: userDeadlineMs,
    signal,
    read: async (response) => whoOf(await response.json(), clockAheadMs(response.headers.get("date"), Date.now())),
  });
}

/**
 * @param aheadMs added to every time, so that it can be compared with this machine's clock.
 * @throws SyntaxError when a user is announced that nobody could tell apart from another.
 */
export function whoOf(body: unknown, aheadMs = 0): Who {
  if (!isRecord(body)) throw new SyntaxError("The user answer is not an object");
  const { user, session } = body;
  if (user === null) return { kind: "nobody" };
  if (!isRecord(user) || typeof user["sub"] !== "string") {
    throw new SyntaxError("The user answer has no sub");
  }
  return { kind: "user", user: userOf(user, user["sub"]), session: sessionOf(session, aheadMs) };
}

function userOf(received: Record<string, unknown>, sub: string): User {
  const claims = plainValue(received) as Record<string, unknown>;
  const names = [claims["name"], claims["preferred_username"], claims["email"], claims["sub"]];
  const roles = Array.isArray(received["roles"]) ? received["roles"] : [];
  return {
    sub,
    displayName: (names.find((name) => typeof name === "string" && name.trim() !== "") ?? sub) as string,
    // One that holds invisible characters only looks like a role that the app knows.
    roles: roles.filter((role) => typeof role === "string" && plainText(role) === role),
    claims,
  };
}

function sessionOf(value: unknown, aheadMs: number): Session {
  const fields = isRecord(value) ? value : {};
  const timeOf = (name: string): number | null => {
    const time = fields[name];
    const atMs = typeof time === "string" ? Date.parse(time) : Number.NaN;
    return Number.isNaN(atMs) ? null : atMs + aheadMs;
  };
  return {
    handle: typeof fields["id"] === "string" ? fields["id"] : "",
    createdAtMs: timeOf("createdAt"),
    idleExpiresAtMs: timeOf("idleExpiresAt"),
    expiresAtMs: timeOf("expiresAt"),
    authTimeMs: timeOf("authTime"),
    acr: typeof fields["acr"] === "string" ? plainText(fields["acr"]) : null,
    accountUrl: webAddressOf(fields["accountUrl"]),
  };
}

/** A link must lead to a page and never run anything. */
function webAddressOf(value: unknown): string | null {
  return typeof value === "string" && /^https?:\/\//.test(value) ? value : null;
}

/** How far this machine's clock is ahead of the gateway's: a countdown by a wrong clock would end the wrong session. */
export function clockAheadMs(dateHeader: string | null, nowMs: number): number {
  const gatewayMs = dateHeader === null ? Number.NaN : Date.parse(dateHeader);
  const aheadMs = nowMs - gatewayMs;
  // The header has whole seconds and took a while to come: less than this is no clock's fault.
  return Number.isNaN(aheadMs) || Math.abs(aheadMs) < 10_000 ? 0 : aheadMs;
}
