// Identity headers through real sockets: claims of the session reach the upstream as configured, and no copy of the browser
// does, in any spelling, on any row, in requests and WebSocket handshakes.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider, type Overrides } from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { sendRaw } from "../proxy/gateway.ts";
import { rowsFile, startRecordingUpstream, valuesOf, type RecordingUpstream } from "./identity-rows.ts";

type Claims = Record<string, unknown>;

const HEADERS = {
  "X-User-Email": "email",
  "X-User": "sub",
  "X-Groups": { claim: "groups", separator: "|" },
  "X-Roles": "roles",
  "X-Profile": { claim: "profile_data", format: "json" },
  "X-Name": { claim: "name", encoding: "percent" },
  "X-Raw-Name": "name",
  "X-Acr": "acr",
  "X-Amr": "amr",
  "X-Issuer": "iss",
  "X-Nested": ["https://example.com/tenant", "id"],
  Tenant: "tenant",
};

let redis: TestRedis;
let provider: HostileProvider;
let upstream: RecordingUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  redis = await startRedis();
  provider = await startHostileProvider({ userinfo: true });
  upstream = await startRecordingUpstream();
  const baseUrl = upstream.origin;
  const rows = [
    { prefix: "/api", baseUrl, webSocket: true, identityHeaders: HEADERS },
    { prefix: "/open", baseUrl, access: "optional", identityHeaders: HEADERS },
    { prefix: "/hooks", baseUrl, access: "public", identityHeaders: HEADERS },
    { prefix: "/client", baseUrl, token: "none", access: "session", identityHeaders: HEADERS },
    { prefix: "/machine", baseUrl, access: "session-or-bearer", bearer: { audience: "api" }, identityHeaders: HEADERS },
    // Other rows: copies are removed there as well.
    { prefix: "/plain", baseUrl, webSocket: true, access: "public", csrf: "header" },
    { prefix: "/listed", baseUrl, access: "public", csrf: "header", requestHeaders: ["x-locale", "x.locale"] },
  ];
  gateway = await startGateway({ ...provider, redisUrl: redis.url, env: { UPSTREAMS_FILE: rowsFile(rows) } });
});
afterAll(async () => {
  await gateway.stop();
  upstream.stop();
  await provider.stop();
  await redis.stop();
});
beforeEach(() => {
  provider.overrides = {};
  upstream.heads.length = 0;
});

const idToken = (claims: Claims): Overrides => ({ claims: (honest) => ({ ...honest, ...claims }) });

async function loggedIn(claims: Claims, overrides: Overrides = {}): Promise<TestBrowser> {
  provider.overrides = { ...idToken(claims), ...overrides };
  const browser = testBrowser(gateway.origin);
  expect((await browser.login()).status, gateway.log.join("")).toBe(303);
  return browser;
}

/** Sends exactly these header lines. @returns status and the head that the upstream received */
async function send(path: string, lines: readonly string[], browser?: TestBrowser, method = "GET") {
  const { port, host } = new URL(gateway.origin);
  const cookie = [...(browser?.cookies ?? [])].map(([name, value]) => `${name}=${value}`).join("; ");
  const fields = [`Host: ${host}`, "X-CSRF: 1", "Sec-Fetch-Site: same-origin", ...lines];
  if (cookie !== "") fields.push(`Cookie: ${cookie}`);
  const before = upstream.heads.length;
  const { status, body } = await sendRaw(Number(port), `${method} ${path} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`);
  return { status, body, head: upstream.heads[before] ?? "", count: upstream.heads.length - before };
}

const utf8 = (text: string) => Buffer.from(text, "utf8").toString("latin1");

describe("the claims of a session", () => {
  it("the claims of a session reach the upstream, each as its header says", async () => {
    const browser = await loggedIn({
      email: "alice@example.com",
      name: "Zoë 東京",
      groups: ["a,b", "c"],
      profile_data: { level: 2, city: "Köln" },
      acr: "2",
      amr: ["pwd", "otp"],
      "https://example.com/tenant": { id: 17 },
      tenant: true,
    });
    const { head, status } = await send("/api/x", [], browser);
    expect(status).toBe(200);
    const sub = valuesOf(head, "X-User");
    expect(sub).toHaveLength(1);
    expect(sub[0]).not.toBe("");
    const expected = {
      "X-User-Email": "alice@example.com",
      "X-Groups": "a,b|c",
      "X-Profile": '{"level":2,"city":"K\\u00f6ln"}',
      "X-Name": "Zo%C3%AB %E6%9D%B1%E4%BA%AC",
      "X-Raw-Name": utf8("Zoë 東京"),
      "X-Acr": "2",
      "X-Amr": "pwd,otp",
      "X-Issuer": provider.issuer,
      "X-Nested": "17",
      Tenant: "true",
    };
    for (const [name, value] of Object.entries(expected)) expect([name, valuesOf(head, name)]).toEqual([name, [value]]);
  });

  it.each(["/api/x", "/open/x", "/client/x"])(
    "a header of an absent claim is empty, and is there (%s)",
    async (path) => {
      const browser = await loggedIn({ email: undefined, name: null, acr: undefined });
      const { head } = await send(path, [], browser);
      for (const name of ["X-User-Email", "X-Groups", "X-Profile", "X-Name", "X-Acr", "Tenant"])
        expect([name, valuesOf(head, name)]).toEqual([name, [""]]);
      expect(valuesOf(head, "X-User")).not.toEqual([""]);
    },
  );

  it.each([
    ["/open/x", "without a session"],
    ["/hooks/x", "of a public row"],
  ])("all headers are empty in a request %s (%s)", async (path) => {
    const { head } = await send(path, ["X-User-Email: admin@example.com"]);
    for (const name of Object.keys(HEADERS)) expect([name, valuesOf(head, name)]).toEqual([name, [""]]);
  });

  it("a public row sends no identity for a browser with a session", async () => {
    const browser = await loggedIn({ email: "alice@example.com" });
    const { head } = await send("/hooks/x", [], browser);
    expect(valuesOf(head, "X-User-Email")).toEqual([""]);
  });

  it("two users on one connection to the upstream have headers of their own", async () => {
    const [alice, bob] = [await loggedIn({ email: "alice@x" }), await loggedIn({ email: "bob@x" })];
    for (let n = 0; n < 5; n++) {
      expect(valuesOf((await send("/api/x", [], alice)).head, "X-User-Email")).toEqual(["alice@x"]);
      expect(valuesOf((await send("/api/x", [], bob)).head, "X-User-Email")).toEqual(["bob@x"]);
      expect(valuesOf((await send("/open/x", [])).head, "X-User-Email")).toEqual([""]);
    }
  });

  it("a claim that is not in the ID token is taken from userinfo", async () => {
    const browser = await loggedIn(
      { email: "a@x", name: "A", roles: ["x"] },
      { userinfo: (honest) => ({ ...honest, groups: ["from-userinfo"], tenant: "acme" }) },
    );
    const { head } = await send("/api/x", [], browser);
    expect(valuesOf(head, "X-Groups")).toEqual(["from-userinfo"]);
    expect(valuesOf(head, "Tenant")).toEqual(["acme"]);
  });

  it("the request that waits for a refresh has the renewed claims", async () => {
    const expired: Overrides = { token: (honest) => ({ ...honest, expires_in: 0 }) };
    const browser = await loggedIn({ groups: ["old"], tenant: "t" }, expired);
    provider.overrides = idToken({ groups: ["new"], tenant: null });
    const { head } = await send("/api/x", [], browser);
    expect(valuesOf(head, "X-Groups")).toEqual(["new"]);
    expect(valuesOf(head, "Tenant")).toEqual([""]);
  });

  it("a request that is repeated with another token has the renewed claims, once", async () => {
    const browser = await loggedIn({ groups: ["old"] });
    provider.overrides = idToken({ groups: ["new"] });
    upstream.statuses.push('401 Unauthorized\r\nWWW-Authenticate: Bearer error="invalid_token"');
    const { status, count } = await send("/api/x", ["X_Groups: admin"], browser);
    expect([status, count]).toEqual([200, 2]);
    expect(upstream.heads.map((head) => valuesOf(head, "X-Groups"))).toEqual([["old"], ["new"]]);
  });
});

describe("the claims of a client's own token", () => {
  const tokenOf = (claims: Claims) => {
    const now = Math.floor(Date.now() / 1000);
    const honest = { iss: provider.issuer, aud: "api", iat: now, exp: now + 60, jti: "a", client_id: "robot" };
    return provider.sign({ ...honest, ...claims }, { typ: "at+jwt" });
  };

  it("the claims of a client's token reach the upstream, and nothing of a session", async () => {
    const browser = await loggedIn({ email: "alice@x", groups: ["staff"] });
    const token = await tokenOf({ sub: "robot-1", groups: ["bots"], email: "robot@x" });
    for (let n = 0; n < 2; n++) {
      const { head, status } = await send("/machine/x", [`Authorization: Bearer ${token}`, "X-Groups: admin"], browser);
      expect(status).toBe(200);
      expect(valuesOf(head, "X-User")).toEqual(["robot-1"]);
      expect(valuesOf(head, "X-Groups")).toEqual(["bots"]);
      expect(valuesOf(head, "X-Name")).toEqual([""]);
    }
    expect(valuesOf((await send("/machine/x", [], browser)).head, "X-Groups")).toEqual(["staff"]);
  });

  it("a claim of a token that cannot be sent exactly rejects the request", async () => {
    const deep = JSON.parse("[".repeat(2_000) + "]".repeat(2_000)) as unknown;
    for (const claims of [{ email: "a\r\nX-Admin: 1" }, { profile_data: deep }]) {
      const token = await tokenOf({ sub: "robot-2", ...claims });
      const { status, count } = await send("/machine/x", [`Authorization: Bearer ${token}`]);
      expect([status, count]).toEqual([500, 0]);
    }
  });
});

const REJECTED: [title: string, claims: Claims][] = [
  ["a line break", { email: "alice\r\nX-Admin: 1" }],
  ["NUL", { email: "alice\0admin" }],
  ["an outer blank", { email: " alice@example.com" }],
  ["the separator in a group", { groups: ["a|admin"] }],
  ["an object without format json", { tenant: { id: 1 } }],
  ["an inexact number", { tenant: 9007199254740992 }],
  ["a value above maxBytes", { email: `${"a".repeat(8_000)}@x` }],
  ["a list above maxBytes", { groups: Array.from({ length: 1_000 }, (_, at) => `group-${at}`) }],
];

describe("a claim that cannot be sent exactly", () => {
  it.each(REJECTED)("the request is rejected and the log names header and cure: %s", async (_title, claims) => {
    const browser = await loggedIn(claims);
    const before = gateway.log.length;
    const { status, body, count } = await send("/api/x", [], browser);
    expect([status, count]).toEqual([500, 0]);
    expect(JSON.parse(body)).toMatchObject({ code: "claim_not_forwardable" });
    const logged = gateway.log.slice(before).join("");
    expect(logged).toMatch(/identityHeaders\.(x-user-email|x-groups|tenant): the claim /);
    expect(logged).not.toContain("X-Admin");
    // The session stays, and other rows work.
    expect((await send("/plain/x", [], browser)).status).toBe(200);
  });
});

const SEPARATORS = "!#$%&'*+-.^_`|~".split("");
/** Every spelling that HTTP allows: each separator, mixed, repeated, removed, at the ends, in any case. */
function spellings(name: string): string[] {
  const words = name.split("-");
  return [
    ...SEPARATORS.flatMap((separator) => [
      words.join(separator),
      words.join(separator + separator),
      words.join("-" + separator),
      separator + words.join("-"),
      words.join("-") + separator,
    ]),
    words.join(""),
    words.join("-").toUpperCase(),
    words.join("_").toUpperCase(),
    words.join("-").toLowerCase(),
    words.map((word) => word.split("").join("-")).join("-"),
  ];
}

const CANARY = "canary-of-the-browser";
const WEBSOCKET = (origin: string) => [
  ...["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
  ...["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", `Origin: ${origin}`],
];

describe("a copy of an identity header from the browser", () => {
  const WAYS: [title: string, path: string, extra: (origin: string) => string[], hasUser: boolean][] = [
    ["a request", "/api/x", () => [], true],
    ["a WebSocket handshake", "/api/socket", WEBSOCKET, true],
    ["an anonymous request", "/open/x", () => [], false],
    ["a request of a public row", "/hooks/x", () => [], false],
    ["a request of a row without identity headers", "/plain/x", () => [], false],
    ["a WebSocket handshake of such a row", "/plain/socket", WEBSOCKET, false],
    ["a request of a row with an allow-list", "/listed/x", () => [], false],
  ];
  it.each(WAYS)("no spelling of a copy reaches the upstream in %s", async (_title, path, extra, hasUser) => {
    const browser = hasUser ? await loggedIn({ email: "alice@x", tenant: "acme", groups: ["g"] }) : undefined;
    const names = ["X-User-Email", "Tenant", "X-Groups", "X-Amr"].flatMap(spellings);
    for (let from = 0; from < names.length; from += 60) {
      const batch = names.slice(from, from + 60);
      const lines = [...batch.map((name) => `${name}: ${CANARY}`), ...extra(gateway.origin)];
      const { head, count } = await send(path, lines, browser);
      expect(count).toBe(1);
      expect(head).not.toContain(CANARY);
    }
  });

  it.each([
    ["repeated", ["X-User-Email: admin@x", "X-User-Email: root@x"]],
    ["named in Connection", ["Connection: close, X-User-Email", "X-User-Email: admin@x"]],
    ["named in Connection in another spelling", ["Connection: x_user_email, X-USER-EMAIL"]],
    ["named in Connection for a header that the gateway sets", ["Connection: x-user-email, x-groups, tenant"]],
    ["without a value", ["X-User-Email:"]],
    ["with a tab", ["X-User-Email:\tadmin@x"]],
  ])("the upstream receives exactly the session's value if the browser's is %s", async (_title, lines) => {
    const browser = await loggedIn({ email: "alice@x", groups: ["g"], tenant: "acme" });
    const { head, status } = await send("/api/x", lines, browser);
    expect(status).toBe(200);
    expect(valuesOf(head, "X-User-Email")).toEqual(["alice@x"]);
    expect(valuesOf(head, "X-Groups")).toEqual(["g"]);
    expect(valuesOf(head, "Tenant")).toEqual(["acme"]);
  });

  it.each([
    ["a blank before the colon", "X-User-Email : admin@x"],
    ["a folded line", "X-Locale: de\r\n X-User-Email: admin@x"],
    ["a Kelvin sign", utf8("X-User-\u212aemail: admin@x")],
    ["a soft hyphen", utf8("X-User\u00adEmail: admin@x")],
    ["a byte above ASCII", "X-User\u00adEmail: admin@x"],
    ["a blank in the name", "X User Email: admin@x"],
    ["a bare line feed", "X-Locale: de\nX_User_Email: admin@x"],
    ["a bare carriage return", "X-Locale: de\rX_User_Email: admin@x"],
    ["NUL in the name", "X-User\0-Email: admin@x"],
  ])("a request with a malformed copy is rejected: %s", async (_title, line) => {
    const browser = await loggedIn({ email: "alice@x" });
    const { status, count } = await send("/api/x", [line], browser);
    expect([status, count]).toEqual([400, 0]);
  });

  it("a trailer named like an identity header does not reach the upstream", async () => {
    const browser = await loggedIn({ email: "alice@x" });
    const lines = ["Transfer-Encoding: chunked", "Trailer: X-User-Email"];
    const { port, host } = new URL(gateway.origin);
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const fields = [`Host: ${host}`, "X-CSRF: 1", "Sec-Fetch-Site: same-origin", `Cookie: ${cookie}`, ...lines];
    const body = "2\r\nok\r\n0\r\nX-User-Email: admin@x\r\n\r\n";
    await sendRaw(Number(port), `POST /api/x HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n${body}`);
    expect(valuesOf(upstream.heads.join("\r\n"), "X-User-Email")).toEqual(["alice@x"]);
  });
});
