// Every endpoint of the provider with slow, cut-off, redirected, foreign and broken responses: a login shows a page, a
// session stays (I5), a refresh token is not spent again (I4), a logout reaches the end-session endpoint (I10), and the next
// good response is used without a restart (I8). Limits on size and time by themselves: provider-bounds.
import { mkdtempSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, it, type ExpectStatic } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider, type Overrides } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

/** The status that the browser receives while one endpoint has a fault. */
const UNAVAILABLE = {
  ...{ discovery: 503, keys: 503, "pushed request": 503, "token at login": 503, "userinfo at login": 503 },
  ...{ "token at refresh": 503, "client credentials": 503, "token exchange": 503, revocation: 200 },
};
type Statuses = typeof UNAVAILABLE;

type Fault = {
  name: string;
  /** @returns false to let the provider respond */
  send: (response: ServerResponse, trap: string) => boolean;
  /** Where it is not `UNAVAILABLE`. */
  statuses?: Partial<Statuses>;
};

/** In every body: no text of the provider may reach the log (I1). */
const SECRET = "text-of-the-provider";
const JSON_TYPE = { "content-type": "application/json" };
const sent =
  (status: number, headers: Record<string, string>, body: string | Buffer = ""): Fault["send"] =>
  (response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
const partly =
  (then: (response: ServerResponse) => void): Fault["send"] =>
  (response) => {
    response.writeHead(200, { ...JSON_TYPE, "content-length": "1000" });
    response.write(`{"access_token":"${SECRET}`, () => then(response));
    return true;
  };
const HTML = `<!doctype html><title>${SECRET}</title>`;
const LARGE = Buffer.from(JSON.stringify({ issuer: SECRET, access_token: SECRET, padding: "x".repeat(1_150_000) }));
/** One member for each endpoint. In Latin-1, where each character is one byte. */
const INVALID_UTF8 = Buffer.from(
  JSON.stringify({
    token_type: "Bearer",
    ...Object.fromEntries(
      ["issuer", "access_token", "request_uri", "sub", "keys"].map((name) => [name, `${SECRET}\u00ff\u00c3(`]),
    ),
  }),
  "latin1",
);
/** With `auto`, a login continues without userinfo that no repetition can make usable. */
const IGNORED = { "userinfo at login": 303 };

const FAULTS: readonly Fault[] = [
  { name: "no response in time", send: () => true },
  { name: "half a body, then silence", send: partly(() => undefined) },
  { name: "half a body, then a reset", send: partly((response) => response.socket?.resetAndDestroy()) },
  {
    name: "a reset before the head",
    send: (response) => {
      response.socket?.resetAndDestroy();
      return true;
    },
  },
  ...[302, 307].map((status) => ({
    name: `a redirect (${status})`,
    send: (response: ServerResponse, trap: string) => sent(status, { location: trap })(response, trap),
    statuses: IGNORED,
  })),
  { name: "HTML with status 200", send: sent(200, { "content-type": "text/html" }, HTML), statuses: IGNORED },
  { name: "HTML with status 503", send: sent(503, { "content-type": "text/html", "retry-after": "1" }, HTML) },
  {
    name: "503 with a challenge that names a rejected grant",
    send: sent(503, { "www-authenticate": 'Bearer error="invalid_grant"' }),
  },
  { name: "an empty body with status 200", send: sent(200, JSON_TYPE) },
  { name: "status 204", send: sent(204, {}), statuses: IGNORED },
  {
    name: "a JSON array",
    send: sent(200, JSON_TYPE, JSON.stringify([{ access_token: SECRET }])),
    // No repetition makes tokens of it.
    statuses: { "token at login": 400, "userinfo at login": 400 },
  },
  { name: "JSON of 1.1 MB", send: sent(200, JSON_TYPE, LARGE), statuses: IGNORED },
  {
    name: "JSON of 1.1 MB, compressed",
    send: sent(200, { ...JSON_TYPE, "content-encoding": "gzip" }, gzipSync(LARGE)),
    statuses: IGNORED,
  },
  {
    name: "invalid UTF-8",
    send: sent(200, JSON_TYPE, INVALID_UTF8),
    statuses: { "token at login": 400, "userinfo at login": 400 },
  },
  {
    name: "no Content-Type",
    send: (response) => {
      const setHeader = response.setHeader.bind(response);
      response.setHeader = (name, value) => (name === "content-type" ? response : setHeader(name, value));
      return false;
    },
    // Everything but userinfo is used: the body says what it is, and tokens are spent.
    statuses: {
      ...{ discovery: 303, keys: 303, "pushed request": 303, "token at login": 303, ...IGNORED },
      ...{ "token at refresh": 200, "client credentials": 200, "token exchange": 200 },
    },
  },
];

type System = {
  provider: HostileProvider;
  gateway: TestGateway;
  /** Applies the fault to one path of the provider. */
  over: (path: string | undefined) => void;
  seen: { trap: number; hits: number };
};

async function startSystem({ send }: Fault): Promise<System> {
  let path: string | undefined;
  const seen = { trap: 0, hits: 0 };
  const provider = await startHostileProvider({
    alg: "ES256",
    userinfo: true,
    beside(request, response) {
      if (request.url === "/trap") seen.trap += 1;
      response.writeHead(200, JSON_TYPE).end("{}");
    },
  });
  const { issuer } = provider;
  provider.overrides = {
    metadata: (original) => ({
      ...original,
      pushed_authorization_request_endpoint: `${issuer}/pushed`,
      revocation_endpoint: `${issuer}/revoke`,
      end_session_endpoint: `${issuer}/end-session`,
    }),
    raw(pathname, response) {
      if (pathname !== path) return false;
      seen.hits += 1;
      return send(response, `${issuer}/trap`);
    },
  };
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  const baseUrl = `${issuer}/up`;
  const rows = [
    { prefix: "/api", baseUrl },
    { prefix: "/api/own", baseUrl, token: "client" },
    { prefix: "/api/exchanged", baseUrl, audience: "other" },
  ];
  writeFileSync(file, JSON.stringify(rows));
  const env = { UPSTREAMS_FILE: file, OIDC_TIMEOUT_SECONDS: "1", OIDC_ID_TOKEN_ALG: "ES256" };
  const gateway = await startGateway({ ...provider, env });
  return { provider, gateway, seen, over: (next) => (path = next) };
}

async function loggedIn({ provider, gateway }: System, expiresIn: number): Promise<TestBrowser> {
  const token: NonNullable<Overrides["token"]> = (original) => ({ ...original, expires_in: expiresIn });
  provider.overrides = { ...provider.overrides, token };
  const browser = testBrowser(gateway.origin);
  const { status } = await browser.login();
  delete provider.overrides.token;
  if (status !== 303) throw new Error(`login responded ${status}: ${gateway.log.at(-1)}`);
  return browser;
}

const isLoggedIn = async (browser: TestBrowser): Promise<boolean> =>
  ((await (await browser.fetch("/bff/user")).json()) as { user: unknown }).user !== null;

/** Sends a request during the fault, then the same one until it succeeds without the fault. @returns the first status */
async function through(
  system: System,
  path: string,
  { act, good, expect }: { act: () => Promise<Response>; good: number; expect: ExpectStatic },
): Promise<number> {
  const before = system.seen.hits;
  system.over(path);
  const response = await act();
  system.over(undefined);
  expect(system.seen.hits, `${path} was requested`).toBeGreaterThan(before);
  expect(await response.text()).not.toContain(SECRET);
  if (response.status === 503) {
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    // No cookie is cleared.
    expect(response.headers.getSetCookie().filter((line) => line.includes("session="))).toEqual([]);
  }
  await expect.poll(async () => (await act()).status, { timeout: 5_000 }).toBe(good);
  return response.status;
}

async function logins(system: System, expect: ExpectStatic): Promise<Partial<Statuses>> {
  const { origin } = system.gateway;
  const start = () => testBrowser(origin).navigate("/bff/login");
  const login = () => testBrowser(origin).login();
  return {
    discovery: await through(system, "/.well-known/openid-configuration", { act: start, good: 303, expect }),
    // Before the first login: the gateway has no keys yet.
    keys: await through(system, "/jwks", { act: login, good: 303, expect }),
    "pushed request": await through(system, "/pushed", { act: start, good: 303, expect }),
    "token at login": await through(system, "/token", { act: login, good: 303, expect }),
    "userinfo at login": await through(system, "/userinfo", { act: login, good: 303, expect }),
  };
}

async function apiRequests(system: System, expect: ExpectStatic): Promise<Partial<Statuses>> {
  const { provider } = system;
  const spent = (): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const { body } of provider.posts) {
      const token = body.get("refresh_token");
      if (token !== null) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    return counts;
  };
  const expired = await loggedIn(system, 0);
  provider.posts.length = 0;
  const refreshed = await through(system, "/token", { act: () => expired.fetch("/api/x"), good: 200, expect });
  // I4: once, and where the outcome is unknown once more.
  expect([...spent().values()]).toEqual([refreshed === 200 ? 1 : 2]);
  expect(await isLoggedIn(expired)).toBe(true);

  const browser = await loggedIn(system, 300);
  const request = (target: string) =>
    through(system, "/token", { act: () => browser.fetch(target), good: 200, expect });
  const statuses = {
    "token at refresh": refreshed,
    "client credentials": await request("/api/own/x"),
    "token exchange": await request("/api/exchanged/x"),
  };
  expect(await isLoggedIn(browser)).toBe(true);
  return statuses;
}

/** I10. */
async function logout(system: System, expect: ExpectStatic): Promise<Partial<Statuses>> {
  const browser = await loggedIn(system, 300);
  system.over("/revoke");
  const response = await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
  const { location } = (await response.json()) as { location: string };
  const onward = await browser.navigate(location);
  system.over(undefined);
  expect(onward.headers.get("location")).toContain(`${system.provider.issuer}/end-session`);
  expect(await isLoggedIn(browser)).toBe(false);
  return { revocation: response.status };
}

describe("failing responses of the provider", () => {
  it.concurrent.for(FAULTS)(
    "each endpoint with $name: the status is the decided one, nothing is lost, and the next good response is used",
    { timeout: 60_000 },
    async (fault, { expect }) => {
      const system = await startSystem(fault);
      try {
        const statuses = {
          ...(await logins(system, expect)),
          ...(await apiRequests(system, expect)),
          ...(await logout(system, expect)),
        };
        expect(statuses).toEqual({ ...UNAVAILABLE, ...fault.statuses });
        expect(system.seen.trap).toBe(0);
        expect(system.gateway.log.join("")).not.toContain(SECRET);
      } finally {
        await system.gateway.stop();
        await system.provider.stop();
      }
    },
  );
});
