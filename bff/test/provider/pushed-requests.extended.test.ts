// Pushed authorization requests (RFC 9126): OIDC_PAR, the fallback to a plain request, and responses of providers in use.
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPushedRequests, FALLBACK_MS } from "../../src/provider/pushed-request.ts";
import { createProviderConnection } from "../../src/provider/provider-connection.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider, type Overrides } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

let provider: HostileProvider;
const gateways: TestGateway[] = [];

beforeEach(async () => {
  provider = await startHostileProvider();
});
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
  await provider.stop();
});

const advertised =
  (members: object = {}): Overrides["metadata"] =>
  (metadata) => ({
    ...metadata,
    pushed_authorization_request_endpoint: `${metadata["issuer"] as string}/pushed`,
    ...members,
  });

type Response = { status: number; body?: unknown; contentType?: string };

/** The PAR endpoint sends this response. */
function rejecting({ status, body, contentType = "application/json" }: Response): Overrides["raw"] {
  return (pathname: string, response: ServerResponse) => {
    if (pathname !== "/pushed") return false;
    provider.counts.par += 1;
    const text = typeof body === "string" ? body : JSON.stringify(body ?? {});
    response.writeHead(status, { "content-type": contentType }).end(text);
    return true;
  };
}

async function gatewayWith(overrides: Partial<Overrides>, env: Record<string, string> = {}): Promise<TestGateway> {
  provider.overrides = overrides as Overrides;
  const gateway = await startGateway({ ...provider, env });
  gateways.push(gateway);
  return gateway;
}

const frontChannel = () => [...(provider.requests.front.at(-1)?.keys() ?? [])].sort();
const warnings = (gateway: TestGateway) =>
  gateway.log.filter((line) => line.includes("pushed authorization request rejected"));

describe("OIDC_PAR", () => {
  it.each(["auto", "required"])(
    "OIDC_PAR=%s: a login is pushed, and the browser carries only the reference",
    async (par) => {
      const gateway = await gatewayWith({ metadata: advertised()! }, { OIDC_PAR: par });
      expect((await testBrowser(gateway.origin).login("?acr_values=1")).status).toBe(303);
      expect(frontChannel()).toEqual(["client_id", "request_uri"]);
      const { parameters, authorization } = provider.requests.pushed.at(-1)!;
      expect(parameters.get("acr_values")).toBe("1");
      expect(parameters.get("code_challenge_method")).toBe("S256");
      expect(authorization).toMatch(/^Basic /);
    },
  );

  it("OIDC_PAR=off: no request is pushed", async () => {
    const gateway = await gatewayWith({ metadata: advertised()! }, { OIDC_PAR: "off" });
    expect((await testBrowser(gateway.origin).login()).status).toBe(303);
    expect(provider.counts.par).toBe(0);
  });

  it.each<[string, string, Overrides["metadata"], RegExp]>([
    [
      "required",
      "no endpoint",
      undefined,
      /^OIDC_PAR is required, but the provider has no pushed_authorization_request_endpoint\./,
    ],
    [
      "off",
      "required by the provider",
      advertised({ require_pushed_authorization_requests: true }),
      /^OIDC_PAR is off, but the provider requires pushed/,
    ],
  ])(
    "%s and %s: readiness names the setting, and no request reaches the provider",
    async (par, _name, metadata, sentence) => {
      const gateway = await gatewayWith(metadata === undefined ? {} : { metadata }, { OIDC_PAR: par });
      expect(await gateway.readiness("provider")).toEqual({
        status: "failed",
        detail: expect.stringMatching(sentence),
      });
      expect((await testBrowser(gateway.origin).navigate("/bff/login")).status).toBe(400);
      expect([provider.counts.par, provider.counts.authorize]).toEqual([0, 0]);
    },
  );
});

const html = { body: "<html>no such page</html>", contentType: "text/html" };
const oauth = (error: string, description?: string) => ({
  body: { error, ...(description === undefined ? {} : { error_description: description }) },
});

const REJECTIONS: [string, Response][] = [
  ["404 with a page", { status: 404, ...html }],
  ["404 with JSON", { status: 404, body: { message: "not found" } }],
  ["405", { status: 405, ...html }],
  ["410", { status: 410, ...html }],
  ["501", { status: 501, ...html }],
  ["403 with a page", { status: 403, ...html }],
  ["403 access_denied", { status: 403, ...oauth("access_denied") }],
  ["400 unauthorized_client", { status: 400, ...oauth("unauthorized_client", "not for you") }],
  ["403 unauthorized_client", { status: 403, ...oauth("unauthorized_client") }],
  ["400 request_uri_not_supported", { status: 400, ...oauth("request_uri_not_supported") }],
  [
    "400 invalid_request about PAR",
    { status: 400, ...oauth("invalid_request", "Pushed Authorization Request is disabled") },
  ],
];

describe("a push that the provider advertises and rejects", () => {
  it.each(REJECTIONS)(
    "a push that the provider advertises and rejects with %s: the login is sent as a plain request, and logged once",
    async (_name, response) => {
      const gateway = await gatewayWith({ metadata: advertised()!, raw: rejecting(response)! });
      for (let n = 0; n < 3; n++) expect((await testBrowser(gateway.origin).login()).status).toBe(303);
      expect(frontChannel()).toContain("code_challenge");
      expect(provider.counts.par).toBe(1);
      expect(warnings(gateway)).toHaveLength(1);
      expect(await gateway.readiness("provider")).toMatchObject({
        status: JSON.stringify(response).includes("unauthorized_client") ? "degraded" : "ok",
      });
    },
  );

  it.each(REJECTIONS)(
    "a push that the provider advertises and rejects with %s is an error if pushed requests are required",
    async (_name, response) => {
      const gateway = await gatewayWith(
        { metadata: advertised()!, raw: rejecting(response)! },
        { OIDC_PAR: "required" },
      );
      expect((await testBrowser(gateway.origin).navigate("/bff/login")).status).toBe(400);
      expect(await gateway.readiness("provider")).toMatchObject({ status: "failed" });
      expect(provider.counts.authorize).toBe(0);
    },
  );

  it("a push that the provider advertises and rejects is an error if the provider's metadata requires pushed requests", async () => {
    const metadata = advertised({ require_pushed_authorization_requests: true })!;
    const gateway = await gatewayWith({ metadata, raw: rejecting({ status: 404, ...html })! });
    expect((await testBrowser(gateway.origin).navigate("/bff/login")).status).toBe(400);
    expect((await gateway.readiness("provider")).detail).toMatch(
      /are required, but the provider rejects them \(status 404\)/,
    );
  });
});

const described = (text: string) => ({ error: "invalid_request", error_description: text });

describe("a push that is rejected because of a parameter of a link to /bff/login", () => {
  it.each<[string, string, Response]>([
    ["403 of a firewall", "login_hint=%3Cscript%3E", { status: 403, ...html }],
    ["404 of a firewall", "login_hint=../../etc/passwd", { status: 404, ...html }],
    ["a description that repeats PAR", "acr_values=PAR", { status: 400, body: described("PAR is no known acr value") }],
    ["a description that repeats push", "kc_idp_hint=push", { status: 400, body: described("no provider push") }],
  ])("%s: that login is sent as a plain request, and the next one is pushed", async (_name, query, response) => {
    const gateway = await gatewayWith({ metadata: advertised()!, raw: rejecting(response)! });
    for (let n = 0; n < 2; n++)
      expect((await testBrowser(gateway.origin).navigate(`/bff/login?${query}`)).status).toBe(303);
    expect([provider.counts.par, warnings(gateway).length]).toEqual([2, 1]);
    provider.overrides = { metadata: advertised()! };
    const next = await testBrowser(gateway.origin).navigate("/bff/login");
    expect(new URL(next.headers.get("location") ?? "").searchParams.has("request_uri")).toBe(true);
  });

  it("does not end the fallback of a provider that rejects all pushed requests", async () => {
    const gateway = await gatewayWith({ metadata: advertised()!, raw: rejecting({ status: 404, ...html })! });
    await testBrowser(gateway.origin).navigate("/bff/login");
    await testBrowser(gateway.origin).navigate("/bff/login?login_hint=alice");
    await testBrowser(gateway.origin).navigate("/bff/login");
    expect(provider.counts.par).toBe(1);
  });
});

describe("a push that is rejected because of a setting or a parameter", () => {
  it.each<[string, Response]>([
    ["401 invalid_client", { status: 401, ...oauth("invalid_client") }],
    ["400 invalid_client", { status: 400, ...oauth("invalid_client") }],
    ["404 invalid_client", { status: 404, ...oauth("invalid_client") }],
    ["400 invalid_redirect_uri", { status: 400, ...oauth("invalid_redirect_uri") }],
    [
      "400 invalid_request about redirect_uri",
      { status: 400, ...oauth("invalid_request", "Invalid parameter: redirect_uri") },
    ],
    ["400 invalid_scope", { status: 400, ...oauth("invalid_scope") }],
    ["400 invalid_target", { status: 400, ...oauth("invalid_target") }],
    [
      "400 invalid_request about a parameter",
      { status: 400, ...oauth("invalid_request", "Invalid parameter: ui_locales") },
    ],
  ])(
    "a push that is rejected with %s: 400 without a plain request, because a retry would be rejected again",
    async (_name, response) => {
      const gateway = await gatewayWith({ metadata: advertised()!, raw: rejecting(response)! });
      expect((await testBrowser(gateway.origin).navigate("/bff/login")).status).toBe(400);
      expect(provider.counts.authorize).toBe(0);
      expect(warnings(gateway)).toEqual([]);
      provider.overrides = { metadata: advertised()! };
      expect((await testBrowser(gateway.origin).login()).status).toBe(303);
      expect(frontChannel()).toEqual(["client_id", "request_uri"]);
    },
  );
});

describe("a push that fails for another reason", () => {
  it.each<[string, Response]>([
    ["413", { status: 413, ...html }],
    ["429", { status: 429, ...html }],
    ["500", { status: 500, ...html }],
    ["502", { status: 502, ...html }],
    ["503", { status: 503, ...oauth("temporarily_unavailable") }],
    ["a redirect", { status: 302, ...html }],
    ["201 with a page", { status: 201, ...html }],
    ["201 without a request_uri", { status: 201, body: { expires_in: 60 } }],
    ["201 with a request_uri of 4 kB", { status: 201, body: { request_uri: "x".repeat(4_096), expires_in: 60 } }],
    ["201 with a request_uri that is a list", { status: 201, body: { request_uri: ["urn:x"], expires_in: 60 } }],
  ])("a push that fails with %s: 503 without a plain request", async (_name, response) => {
    const gateway = await gatewayWith({ metadata: advertised()!, raw: rejecting(response)! });
    const login = await testBrowser(gateway.origin).navigate("/bff/login");
    expect([login.status, login.headers.has("retry-after")]).toEqual([503, true]);
    expect(provider.counts.authorize).toBe(0);
    expect(warnings(gateway)).toEqual([]);
    provider.overrides = { metadata: advertised()! };
    expect((await testBrowser(gateway.origin).login()).status).toBe(303);
    expect(frontChannel()).toEqual(["client_id", "request_uri"]);
  });

  it("a PAR endpoint that does not respond: 503 after the timeout", async () => {
    const raw: Overrides["raw"] = (pathname) => pathname === "/pushed";
    const gateway = await gatewayWith({ metadata: advertised()!, raw }, { OIDC_TIMEOUT_SECONDS: "1" });
    expect((await testBrowser(gateway.origin).navigate("/bff/login")).status).toBe(503);
  });
});

describe("responses of a successful push", () => {
  it.each<[string, number, object]>([
    ["201", 201, { expires_in: 60 }],
    ["200", 200, { expires_in: 60 }],
    ["no expires_in", 201, {}],
    ["200 without expires_in", 200, {}],
    ["expires_in null", 201, { expires_in: null }],
    ["expires_in as a string", 201, { expires_in: "60" }],
    ["expires_in soon", 201, { expires_in: "soon" }],
    ["expires_in -1", 201, { expires_in: -1 }],
    ["further members", 201, { expires_in: 60, ignored: { nested: true } }],
  ])("a push response with %s is accepted", async (_name, status, members) => {
    const raw = rejecting({ status, body: { request_uri: "urn:example:reference", ...members } })!;
    const gateway = await gatewayWith({ metadata: advertised()!, raw });
    const login = await testBrowser(gateway.origin).navigate("/bff/login");
    expect(login.status).toBe(303);
    const url = new URL(login.headers.get("location")!);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: provider.clientId,
      request_uri: "urn:example:reference",
    });
  });
});

it("a rejected push is tried again after five minutes, and its next series of rejections is logged again", async () => {
  provider.overrides = { metadata: advertised()! };
  const connect = createProviderConnection({
    ...(await gatewayWith(provider.overrides)).config.provider,
    issuer: provider.issuer,
  });
  const { configuration } = await connect();
  const lines: string[] = [];
  let nowMs = 0;
  const log = { warn: (line: string) => void lines.push(line) };
  const { push } = createPushedRequests({ config: { par: "auto" }, log: log as never, nowMs: () => nowMs });
  const rejected = { metadata: advertised()!, raw: rejecting({ status: 404, ...html })! };
  provider.overrides = rejected;
  expect(await push(configuration, {})).toBeUndefined();
  nowMs = FALLBACK_MS - 1;
  provider.overrides = { metadata: advertised()! };
  expect(await push(configuration, {})).toBeUndefined();
  expect(provider.counts.par).toBe(1);
  nowMs = FALLBACK_MS;
  provider.overrides = rejected;
  expect(await push(configuration, {})).toBeUndefined();
  expect([provider.counts.par, lines.length]).toEqual([2, 1]);
  nowMs = 2 * FALLBACK_MS;
  provider.overrides = { metadata: advertised()! };
  expect((await push(configuration, {}))?.searchParams.has("request_uri")).toBe(true);
  provider.overrides = rejected;
  expect(await push(configuration, {})).toBeUndefined();
  expect(lines).toHaveLength(2);
});
