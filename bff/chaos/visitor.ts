// A person with a session, whose every request is written into the history.
import { Agent, request } from "undici";
import { SESSION_COOKIE } from "../src/session/cookies.ts";
import { newSessionId, sessionKeyOf, type Session } from "../src/session/session.ts";
import { createSessions } from "../src/session/sessions.ts";
import type { SessionKey, StoredSession } from "../src/store.ts";
import type { TokenSet } from "../src/tokens/token-set.ts";
import { testBrowser } from "../test/support/browser.ts";
import { silentLog } from "../test/support/sessions.ts";
import { atProvider } from "../test/support/world.ts";
import type { Fleet, Instance } from "./fleet.ts";
import type { Answer, Operation } from "./history.ts";

export type Visitor = {
  /** For people to read. */
  name: string;
  subject: string;
  sessionId: string;
  key: SessionKey;
  /** Absent instance: through the balancer. Each request has a connection of its own. */
  get: (what: "api" | "slow" | "user", at?: Instance) => Promise<Answer>;
  logout: (at?: Instance) => Promise<Answer>;
};

const PATHS = {
  api: "/api/protected?message=hello",
  user: "/bff/user",
  slow: "/api/slow?ms=250",
  logout: "/bff/logout",
} as const;
const ANSWER_TIMEOUT_MS = 60_000;
const agent = new Agent({ headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS });

let number = 0;

/** A user of their own who logs in at the provider's pages. */
export async function newVisitor(fleet: Fleet): Promise<Visitor> {
  const name = `visitor-${(number += 1)}`;
  const { sub } = await fleet.provider.addUser({ username: name, password: `${name}-demo-password` });
  const browser = testBrowser(fleet.publicOrigin, atProvider(name));
  const { status } = await browser.login();
  const sessionId = browser.cookies.get(SESSION_COOKIE);
  if (status !== 303 || sessionId === undefined) throw new Error(`${name} could not log in: ${status}`);
  return visitor(fleet, { name, subject: sub, sessionId });
}

/**
 * Another session of the same user, stored as a login stores it, without the way through the provider. It has no
 * refresh token: that one belongs to the session of the login.
 */
export async function anotherSession(fleet: Fleet, of: Visitor): Promise<Visitor> {
  const { stored, tokens } = await readSession(fleet, of);
  const sessionId = newSessionId();
  const name = `visitor-${(number += 1)}`;
  const session = { ...(JSON.parse(stored.session) as Session), handle: name };
  const limits = { sessionIdleMs: 1_800_000, sessionMaxMs: 28_800_000 };
  const sealedTokens = fleet.vault.seal({ ...tokens, refreshToken: undefined }, sessionId);
  await createSessions({ store: fleet.store, log: silentLog, ...limits }).begin({
    ...{ sessionId, session: JSON.stringify(session), sealedTokens, idleMs: limits.sessionIdleMs },
  });
  return visitor(fleet, { name, subject: of.subject, sessionId });
}

/** Moves the clock of one session's tokens instead of waiting: its access token has just expired. */
export async function expireAccessToken(fleet: Fleet, of: Visitor): Promise<void> {
  const { stored, tokens } = await readSession(fleet, of);
  const owner = "chaos";
  const { tokenVersion } = stored;
  const claim = await fleet.store.claimRefresh(of.key, { owner, tokenVersion, leaseMs: 10_000, graceMs: 0 });
  const expired = { ...tokens, refreshAtMs: Date.now() - 2_000, usableUntilMs: Date.now() - 1_000 };
  const isStored =
    claim.kind === "claimed" && (await fleet.store.saveTokens(of.key, owner, fleet.vault.seal(expired, of.sessionId)));
  if (!isStored) throw new Error(`the tokens of ${of.name} could not be aged: ${claim.kind}`);
}

export async function readSession(fleet: Fleet, of: Visitor): Promise<{ stored: StoredSession; tokens: TokenSet }> {
  const stored = await fleet.store.read(of.key);
  const tokens = stored === undefined ? undefined : fleet.vault.open(stored.tokens, of.sessionId);
  if (stored === undefined || tokens === undefined) throw new Error(`${of.name} has no session in Redis`);
  return { stored, tokens };
}

type Who = { name: string; subject: string; sessionId: string };

function visitor({ publicOrigin, history }: Fleet, { name, subject, sessionId }: Who): Visitor {
  const { host, port } = new URL(publicOrigin);
  const headers = {
    ...{ host, cookie: `${SESSION_COOKIE}=${sessionId}`, accept: "application/json", "x-csrf": "1" },
    ...{ "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" },
  };
  const perform = async (what: Operation["what"], at?: Instance): Promise<Answer> => {
    const origin = `http://127.0.0.1:${at?.port ?? port}`;
    const method = what === "logout" ? "POST" : "GET";
    const startedMs = performance.now();
    const answer = await ask(origin + PATHS[what], { method, headers });
    const endedMs = performance.now();
    const where = at?.name ?? "the balancer";
    history.operations.push({ session: name, subject, what, where, startedMs, endedMs, answer });
    if (what === "logout" && answer.kind === "answered" && answer.status === 200)
      history.endings.push({ session: name, acknowledgedMs: endedMs, by: "logout" });
    return answer;
  };
  return {
    name,
    subject,
    sessionId,
    key: sessionKeyOf(sessionId),
    get: perform,
    logout: (at) => perform("logout", at),
  };
}

async function ask(url: string, init: { method: "GET" | "POST"; headers: Record<string, string> }): Promise<Answer> {
  try {
    const response = await request(url, { ...init, dispatcher: agent, reset: true });
    const body = JSON.parse((await response.body.text()) || "null") as {
      code?: string;
      user?: { sub: string } | null;
    } | null;
    const { statusCode: status } = response;
    return {
      ...{ kind: "answered", status, code: body?.code, subject: body?.user?.sub },
      sessionCookie: sessionCookieIn(response.headers["set-cookie"]),
    };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    return { kind: "broken", reason: code ?? message ?? "unknown" };
  }
}

function sessionCookieIn(setCookie: string | string[] | undefined): "untouched" | "set" | "cleared" {
  const line = [setCookie ?? []].flat().find((each) => each.startsWith(`${SESSION_COOKIE}=`));
  if (line === undefined) return "untouched";
  return line.startsWith(`${SESSION_COOKIE}=;`) ? "cleared" : "set";
}
