// A person with a session, whose every request is written into the history.
import { Agent, request } from "undici";
import { GatewayError } from "@cloakroom/gateway/src/errors.ts";
import { SESSION_COOKIE } from "@cloakroom/gateway/src/session/cookies.ts";
import { newSessionId, sessionKeyOf, type Session } from "@cloakroom/gateway/src/session/session.ts";
import { createSessions } from "@cloakroom/gateway/src/session/sessions.ts";
import type { SessionKey, StoredSession } from "@cloakroom/gateway/src/store/store.ts";
import type { TokenSet } from "@cloakroom/gateway/src/tokens/token-set.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { silentLog } from "@cloakroom/testkit/stored-session.ts";
import { loginAtProvider } from "@cloakroom/testkit/system.ts";
import type { Fleet, Instance } from "./fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import type { Answer, EndedBy, Operation } from "./history.ts";

export type Visitor = {
  /** For people to read. */
  name: string;
  subject: string;
  sessionId: string;
  key: SessionKey;
  /** Absent instance: through the balancer. Each request has a connection of its own. */
  get: (what: "api" | "slow" | "user", at?: Instance) => Promise<Answer>;
  /** Asks and goes away when told; what it would have been answered is nobody's. */
  leave: (what: "api", gone: AbortSignal) => Promise<unknown>;
  logout: (at?: Instance) => Promise<Answer>;
  logoutEverywhere: (at?: Instance) => Promise<Answer>;
  /** Requests that have not been answered yet. */
  underWay: ReadonlySet<Promise<unknown>>;
  /** What its browser sends with every request. */
  headers: Record<string, string>;
};

const PATHS = {
  api: "/api/protected?message=hello",
  user: "/bff/user",
  slow: "/api/slow?ms=250",
  logout: "/bff/logout",
  "log out everywhere": "/bff/sessions",
} as const;
const METHODS: Record<Operation["what"], "GET" | "POST" | "DELETE"> = {
  ...{ api: "GET", user: "GET", slow: "GET", logout: "POST", "log out everywhere": "DELETE" },
};
const ENDED_BY: Partial<Record<Operation["what"], EndedBy>> = { logout: "logout", "log out everywhere": "revocation" };
const ANSWER_TIMEOUT_MS = 60_000;
const agent = new Agent({ headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS });

let number = 0;

/** A user of their own who logs in at the provider's pages. */
export async function newVisitor(fleet: Fleet, at?: Instance): Promise<Visitor> {
  const name = `visitor-${(number += 1)}`;
  const { sub } = await fleet.provider.addUser({ username: name, password: `${name}-demo-password` });
  const browser = at === undefined ? testBrowser(fleet.publicOrigin, loginAtProvider(name)) : fleet.browserOf(name, at);
  const { status } = await browser.login();
  const sessionId = browser.cookies.get(SESSION_COOKIE);
  if (status !== 303 || sessionId === undefined) throw new Error(`${name} could not log in: ${status}`);
  return visitor(fleet, { name, subject: sub, sessionId });
}

/**
 * Another session of the same user, stored as a login stores it, without the way through the provider. It has no
 * refresh token: that one belongs to the session of the login.
 */
export async function anotherSession(
  fleet: Fleet,
  of: Visitor,
  { idleMs = 1_800_000, maxMs = 28_800_000 } = {},
): Promise<Visitor> {
  const name = `visitor-${(number += 1)}`;
  const limits = { sessionIdleMs: idleMs, sessionMaxMs: maxMs };
  const sessions = createSessions({ store: fleet.store, log: silentLog, ...limits });
  const { sessionId } = await onceReached(async () => {
    const { stored, tokens } = await readSession(fleet, of);
    const id = newSessionId();
    const session = { ...(JSON.parse(stored.session) as Session), handle: name, providerSid: name };
    const sealedTokens = fleet.vault.seal({ ...tokens, refreshToken: undefined }, id);
    await sessions.begin({ sessionId: id, session: JSON.stringify(session), sealedTokens });
    return { sessionId: id };
  });
  return visitor(fleet, { name, subject: of.subject, sessionId });
}

/** Moves the clock of one session's tokens instead of waiting: its access token has expired. */
export async function expireAccessToken(fleet: Fleet, of: Visitor, { bySeconds = 1 } = {}): Promise<void> {
  const usableUntilMs = Date.now() - bySeconds * 1_000;
  await setTokens(fleet, of, { refreshAtMs: usableUntilMs - 1_000, usableUntilMs });
}

/** Stores what a refresh would have stored. */
export async function setTokens(fleet: Fleet, of: Visitor, changes: Partial<TokenSet>): Promise<void> {
  const owner = "chaos";
  const { kind, isStored } = await onceReached(async () => {
    const { stored, tokens } = await readSession(fleet, of);
    const { tokenVersion } = stored;
    const claim = await fleet.store.claimRefresh(of.key, { owner, tokenVersion, leaseMs: 10_000, graceMs: 0 });
    if (claim.kind !== "claimed") return { kind: claim.kind, isStored: false };
    const sealed = fleet.vault.seal({ ...tokens, ...changes }, of.sessionId);
    return { kind: claim.kind, isStored: await fleet.store.saveTokens(of.key, owner, sealed) };
  });
  if (!isStored) throw new Error(`the tokens of ${of.name} could not be aged: ${kind}`);
}

/**
 * The harness has connections of its own, which Redis or a Sentinel may just have closed; that of a write which replicas
 * confirm comes back later than the other. @param ask may be asked again from its beginning
 */
async function onceReached<T extends object>(ask: () => Promise<T>): Promise<T> {
  const so: { result?: T } = {};
  await until("Redis answers the harness", async () => {
    try {
      so.result = await ask();
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
    }
    return so.result !== undefined;
  });
  return so.result as T;
}

export async function reached({ store }: Fleet): Promise<void> {
  const isReached = () =>
    store.check().then(
      () => true,
      () => false,
    );
  await until("Redis answers the harness", isReached);
}

export async function readSession(fleet: Fleet, of: Visitor): Promise<{ stored: StoredSession; tokens: TokenSet }> {
  const stored = await fleet.store.read(of.key);
  const tokens = stored === undefined ? undefined : fleet.vault.open(stored.tokens, of.sessionId);
  if (stored === undefined || tokens === undefined) throw new Error(`${of.name} has no session in Redis`);
  return { stored, tokens };
}

/** The same person with one connection that stays open, as browsers keep theirs. */
export function keptOpen(fleet: Fleet, { name, subject, sessionId }: Visitor): Visitor {
  const dispatcher = new Agent({ connections: 1, pipelining: 1, headersTimeout: ANSWER_TIMEOUT_MS });
  return visitor(fleet, { name, subject, sessionId, dispatcher });
}

type Who = { name: string; subject: string; sessionId: string; dispatcher?: Agent };

function visitor({ publicOrigin, history }: Fleet, { name, subject, sessionId, dispatcher }: Who): Visitor {
  const { host, port } = new URL(publicOrigin);
  const headers = {
    ...{ host, cookie: `${SESSION_COOKIE}=${sessionId}`, accept: "application/json", "x-csrf": "1" },
    ...{ "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" },
  };
  const underWay = new Set<Promise<unknown>>();
  const perform = async (what: Operation["what"], at?: Instance): Promise<Answer> => {
    const origin = `http://127.0.0.1:${at?.port ?? port}`;
    const method = METHODS[what];
    const startedMs = performance.now();
    const asking = ask(origin + PATHS[what], { method, headers, ...(dispatcher === undefined ? {} : { dispatcher }) });
    underWay.add(asking);
    const answer = await asking;
    underWay.delete(asking);
    const endedMs = performance.now();
    const where = at?.name ?? "the balancer";
    history.operations.push({ session: name, subject, what, where, startedMs, endedMs, answer });
    const by = ENDED_BY[what];
    if (by !== undefined && answer.kind === "answered" && answer.status === 200)
      history.endings.push({ session: name, beganMs: startedMs, acknowledgedMs: endedMs, by });
    return answer;
  };
  return {
    name,
    subject,
    sessionId,
    key: sessionKeyOf(sessionId),
    get: perform,
    leave: (what, signal) =>
      request(`http://127.0.0.1:${port}${PATHS[what]}`, { headers, signal, dispatcher: agent, reset: true }).catch(
        () => undefined,
      ),
    logout: (at) => perform("logout", at),
    logoutEverywhere: (at) => perform("log out everywhere", at),
    underWay,
    headers,
  };
}

type Init = { method: "GET" | "POST" | "DELETE"; headers: Record<string, string>; dispatcher?: Agent };

/** Absent dispatcher: a connection of its own. */
async function ask(url: string, { dispatcher, ...init }: Init): Promise<Answer> {
  try {
    const response = await request(url, { ...init, dispatcher: dispatcher ?? agent, reset: dispatcher === undefined });
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
