// Simulated browser of a logged-in user. Every request and its result are added to the history.
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
import type { RequestResult, EndedBy, Operation } from "./history.ts";

export type ChaosBrowser = {
  /** Readable name of the session, also its public handle when `addSessionOf` created it. */
  name: string;
  subject: string;
  sessionId: string;
  key: SessionKey;
  /** Sends the request to `at`, by default to the load balancer, on a new connection. Never rejects. */
  get: (what: "api" | "slow" | "user", at?: Instance) => Promise<RequestResult>;
  /** Sends a request that `signal` aborts. Its result is not recorded. */
  getUntilAborted: (what: "api", signal: AbortSignal) => Promise<unknown>;
  logout: (at?: Instance) => Promise<RequestResult>;
  logoutEverywhere: (at?: Instance) => Promise<RequestResult>;
  /** Requests without a response so far. */
  inFlight: ReadonlySet<Promise<unknown>>;
  /** Sent with every request, session cookie included. */
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
const RESPONSE_TIMEOUT_MS = 60_000;
const agent = new Agent({ headersTimeout: RESPONSE_TIMEOUT_MS, bodyTimeout: RESPONSE_TIMEOUT_MS });

let sessionCount = 0;

/** Registers a new user, who logs in with the provider's login form. */
export async function logInNewUser(fleet: Fleet, at?: Instance): Promise<ChaosBrowser> {
  const name = `user-${(sessionCount += 1)}`;
  const { sub } = await fleet.provider.addUser({ username: name, password: `${name}-demo-password` });
  const browser = at === undefined ? testBrowser(fleet.publicOrigin, loginAtProvider(name)) : fleet.browserOf(name, at);
  const { status } = await browser.login();
  const sessionId = browser.cookies.get(SESSION_COOKIE);
  if (status !== 303 || sessionId === undefined) throw new Error(`login of ${name} failed: ${status}`);
  return createBrowser(fleet, { name, subject: sub, sessionId });
}

/**
 * Stores another session of the same user, as a login would, without a request to the provider. The session has no
 * refresh token, because the one of `of` may be used by one session only.
 */
export async function addSessionOf(
  fleet: Fleet,
  of: ChaosBrowser,
  { idleMs = 1_800_000, maxMs = 28_800_000 } = {},
): Promise<ChaosBrowser> {
  const name = `user-${(sessionCount += 1)}`;
  const limits = { sessionIdleMs: idleMs, sessionMaxMs: maxMs };
  const sessions = createSessions({ store: fleet.store, log: silentLog, ...limits });
  const { sessionId } = await retryUntilAvailable(async () => {
    const { stored, tokens } = await readSession(fleet, of);
    const id = newSessionId();
    const session = { ...(JSON.parse(stored.session) as Session), handle: name, providerSid: name };
    const sealedTokens = fleet.vault.seal({ ...tokens, refreshToken: undefined }, id);
    await sessions.begin({ sessionId: id, session: JSON.stringify(session), sealedTokens });
    return { sessionId: id };
  });
  return createBrowser(fleet, { name, subject: of.subject, sessionId });
}

/** Stores an expiry in the past for the session's access token, so that the scenario need not wait for it. */
export async function expireAccessToken(fleet: Fleet, of: ChaosBrowser, { bySeconds = 1 } = {}): Promise<void> {
  const usableUntilMs = Date.now() - bySeconds * 1_000;
  await setTokens(fleet, of, { refreshAtMs: usableUntilMs - 1_000, usableUntilMs });
}

/** Stores a changed token set under the refresh lease, as a refresh would. @throws when the lease is not available */
export async function setTokens(fleet: Fleet, of: ChaosBrowser, changes: Partial<TokenSet>): Promise<void> {
  const owner = "chaos";
  const { kind, isStored } = await retryUntilAvailable(async () => {
    const { stored, tokens } = await readSession(fleet, of);
    const { tokenVersion } = stored;
    const claim = await fleet.store.claimRefresh(of.key, { owner, tokenVersion, leaseMs: 10_000, graceMs: 0 });
    if (claim.kind !== "claimed") return { kind: claim.kind, isStored: false };
    const sealed = fleet.vault.seal({ ...tokens, ...changes }, of.sessionId);
    return { kind: claim.kind, isStored: await fleet.store.saveTokens(of.key, owner, sealed) };
  });
  if (!isStored) throw new Error(`the tokens of ${of.name} could not be replaced: ${kind}`);
}

/** Retries `operation` while the store is unavailable: a failover may have closed the harness's own connections. */
async function retryUntilAvailable<T extends object>(operation: () => Promise<T>): Promise<T> {
  let result: T | undefined;
  await until("Redis responds to the harness", async () => {
    try {
      result = await operation();
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
    }
    return result !== undefined;
  });
  return result as T;
}

/** Waits until the harness's own connection to Redis works. */
export async function waitForStore({ store }: Fleet): Promise<void> {
  const isAvailable = () =>
    store.check().then(
      () => true,
      () => false,
    );
  await until("Redis responds to the harness", isAvailable);
}

/** @throws when Redis does not hold the session */
export async function readSession(
  fleet: Fleet,
  of: ChaosBrowser,
): Promise<{ stored: StoredSession; tokens: TokenSet }> {
  const stored = await fleet.store.read(of.key);
  const tokens = stored === undefined ? undefined : fleet.vault.open(stored.tokens, of.sessionId);
  if (stored === undefined || tokens === undefined) throw new Error(`${of.name} has no session in Redis`);
  return { stored, tokens };
}

/** @returns a browser with the same session that sends all requests on one keep-alive connection */
export function withKeepAlive(fleet: Fleet, { name, subject, sessionId }: ChaosBrowser): ChaosBrowser {
  const dispatcher = new Agent({ connections: 1, pipelining: 1, headersTimeout: RESPONSE_TIMEOUT_MS });
  return createBrowser(fleet, { name, subject, sessionId, dispatcher });
}

type SessionOptions = { name: string; subject: string; sessionId: string; dispatcher?: Agent };

function createBrowser(
  { publicOrigin, history }: Fleet,
  { name, subject, sessionId, dispatcher }: SessionOptions,
): ChaosBrowser {
  const { host, port } = new URL(publicOrigin);
  const headers = {
    ...{ host, cookie: `${SESSION_COOKIE}=${sessionId}`, accept: "application/json", "x-csrf": "1" },
    ...{ "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" },
  };
  const inFlight = new Set<Promise<unknown>>();
  const send = async (what: Operation["what"], at?: Instance): Promise<RequestResult> => {
    const origin = `http://127.0.0.1:${at?.port ?? port}`;
    const method = METHODS[what];
    const startedMs = performance.now();
    const sent = sendRequest(origin + PATHS[what], {
      method,
      headers,
      ...(dispatcher === undefined ? {} : { dispatcher }),
    });
    inFlight.add(sent);
    const result = await sent;
    inFlight.delete(sent);
    const endedMs = performance.now();
    const where = at?.name ?? "the balancer";
    history.operations.push({ session: name, subject, what, where, startedMs, endedMs, result });
    const by = ENDED_BY[what];
    if (by !== undefined && result.kind === "response" && result.status === 200)
      history.sessionEnds.push({ session: name, beganMs: startedMs, acknowledgedMs: endedMs, by });
    return result;
  };
  return {
    name,
    subject,
    sessionId,
    key: sessionKeyOf(sessionId),
    get: send,
    getUntilAborted: (what, signal) =>
      request(`http://127.0.0.1:${port}${PATHS[what]}`, { headers, signal, dispatcher: agent, reset: true }).catch(
        () => undefined,
      ),
    logout: (at) => send("logout", at),
    logoutEverywhere: (at) => send("log out everywhere", at),
    inFlight,
    headers,
  };
}

type RequestOptions = { method: "GET" | "POST" | "DELETE"; headers: Record<string, string>; dispatcher?: Agent };

/** Without a dispatcher the request is sent on a new connection. */
async function sendRequest(url: string, { dispatcher, ...init }: RequestOptions): Promise<RequestResult> {
  try {
    const response = await request(url, { ...init, dispatcher: dispatcher ?? agent, reset: dispatcher === undefined });
    const body = JSON.parse((await response.body.text()) || "null") as {
      code?: string;
      user?: { sub: string } | null;
    } | null;
    const { statusCode: status } = response;
    return {
      ...{ kind: "response", status, code: body?.code, subject: body?.user?.sub },
      sessionCookie: sessionCookieIn(response.headers["set-cookie"]),
    };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    return { kind: "connection-error", reason: code ?? message ?? "unknown" };
  }
}

function sessionCookieIn(setCookie: string | string[] | undefined): "untouched" | "set" | "cleared" {
  const line = [setCookie ?? []].flat().find((each) => each.startsWith(`${SESSION_COOKIE}=`));
  if (line === undefined) return "untouched";
  return line.startsWith(`${SESSION_COOKIE}=;`) ? "cleared" : "set";
}
