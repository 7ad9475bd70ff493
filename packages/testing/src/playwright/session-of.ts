// The session of a browser context, as GET /bff/user describes it, and waiting for its limits.
import { setTimeout as wait } from "node:timers/promises";
import type { BrowserContext, Page } from "@playwright/test";
import { decodeJwt } from "jose";
import type { ProviderControl } from "../provider/control.ts";

export type Target = Page | BrowserContext;

export type SessionOf = { sub: string; endsAtMs: number };

/** Longer waits are an error: the test should have asked for short lifetimes. */
const MAX_WAIT_MS = 20_000;
/** `exp` is in whole seconds, rounded down. */
const ROUNDING_MS = 1_000;
const POLL_MS = 100;

export const contextOf = (target: Target): BrowserContext => ("context" in target ? target.context() : target);

/** @returns undefined without a session. Never extends the session */
export async function sessionOf(target: Target, origin: string): Promise<SessionOf | undefined> {
  const response = await contextOf(target).request.get(`${origin}/bff/user`, {
    headers: { "X-CSRF": "1", Origin: origin },
  });
  if (!response.ok()) throw new Error(`/bff/user responded ${response.status()}: ${await response.text()}`);
  const body = (await response.json()) as { user: { sub: string } | null; session: { idleExpiresAt: string } | null };
  if (body.user === null || body.session === null) return undefined;
  return { sub: body.user.sub, endsAtMs: Date.parse(body.session.idleExpiresAt) };
}

/** @throws Error without a session */
export async function requireSession(target: Target, origin: string): Promise<SessionOf> {
  const session = await sessionOf(target, origin);
  if (session === undefined) throw new Error("The browser has no session: call login first.");
  return session;
}

type Waiting = { target: Target; origin: string; provider: Pick<ProviderControl, "issuedTokens"> };

/** Waits until the newest access token of the session's user has expired. */
export async function waitForAccessTokenExpiry({ target, origin, provider }: Waiting): Promise<void> {
  const { sub } = await requireSession(target, origin);
  const { accessTokens } = await provider.issuedTokens();
  const newest = accessTokens.map(claimsOf).findLast((claims) => claims?.sub === sub);
  if (newest?.exp === undefined)
    throw new Error("The provider has issued no JWT access token for the user of this session.");
  const leftMs = newest.exp * 1_000 + ROUNDING_MS - Date.now();
  if (leftMs > MAX_WAIT_MS) throw tooLong("access token", leftMs, "accessTokenSeconds: 2");
  if (leftMs > 0) await wait(leftMs);
}

/** Waits until the session has ended by its own limits. */
export async function waitForSessionEnd({ target, origin }: Omit<Waiting, "provider">): Promise<void> {
  const giveUpAtMs = Date.now() + MAX_WAIT_MS;
  let session: SessionOf | undefined = await requireSession(target, origin);
  while (session !== undefined) {
    const leftMs = session.endsAtMs - Date.now();
    if (Date.now() + leftMs > giveUpAtMs) throw tooLong("session", leftMs, "sessionSeconds: 3");
    await wait(Math.max(POLL_MS, leftMs));
    session = await sessionOf(target, origin);
  }
}

function claimsOf(token: string): { sub?: string; exp?: number } | undefined {
  try {
    return decodeJwt(token);
  } catch {
    // An opaque token.
    return undefined;
  }
}

function tooLong(what: string, leftMs: number, option: string): Error {
  const seconds = Math.ceil(leftMs / 1_000);
  return new Error(
    `The ${what} lives for another ${seconds} s. Let it begin shorter: login(page, user, { ${option} }).`,
  );
}
