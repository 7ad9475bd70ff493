// POST /bff/csp-reports: what is logged of a violation, and which requests are rejected.
import { request } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

const SECRET = "canary-of-a-query";
const LEGACY = "application/csp-report";
const REPORTING = "application/reports+json";

const gateways: TestGateway[] = [];
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((each) => each.stop()));
});

async function startWith(env: Record<string, string> = {}): Promise<TestGateway> {
  const gateway = await startGateway({
    issuer: "http://localhost:9",
    clientId: "app",
    clientSecret: "s".repeat(32),
    env,
  });
  gateways.push(gateway);
  return gateway;
}

type Report = { headers?: Record<string, string>; type?: string; body: string };

async function send(gateway: TestGateway, { headers = {}, type = LEGACY, body }: Report) {
  const response = await request(`${gateway.origin}/bff/csp-reports`, {
    method: "POST",
    headers: { "content-type": type, "sec-fetch-site": "same-origin", ...headers },
    body,
  });
  return { status: response.statusCode, text: await response.body.text() };
}

const legacy = (gateway: TestGateway, report: Record<string, unknown>): string =>
  JSON.stringify({ "csp-report": { "document-uri": `${gateway.origin}/orders?code=${SECRET}#${SECRET}`, ...report } });

const modern = (gateway: TestGateway, ...bodies: Record<string, unknown>[]): string =>
  JSON.stringify(
    bodies.map((body) => ({
      type: "csp-violation",
      age: 1,
      url: `${gateway.origin}/orders`,
      body: { documentURL: `${gateway.origin}/orders?code=${SECRET}`, disposition: "enforce", ...body },
    })),
  );

const violations = (gateway: TestGateway) =>
  gateway.log
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => String(msg).startsWith("content security policy violation"))
    .map(({ msg, path, directive, blocked, setting }) => ({ msg, path, directive, blocked, setting }));

describe("a violation is logged with the setting that would allow it", () => {
  it.each<
    [directive: string, blocked: string, sample: string, setting: string | undefined, logged?: string | undefined]
  >([
    ["style-src-elem", "inline", "", `CSP_ADDITIONS="style-src 'unsafe-inline'"`],
    ["style-src-attr", "inline", "", `CSP_ADDITIONS="style-src 'unsafe-inline'"`],
    ["style-src", "inline", "", `CSP_ADDITIONS="style-src 'unsafe-inline'"`],
    [
      "style-src-elem",
      `https://fonts.googleapis.com/css2?family=${SECRET}`,
      "",
      'CSP_ADDITIONS="style-src https://fonts.googleapis.com"',
      "https://fonts.googleapis.com",
    ],
    [
      "font-src",
      `https://fonts.gstatic.com/s/${SECRET}.woff2`,
      "",
      'CSP_ADDITIONS="font-src https://fonts.gstatic.com"',
      "https://fonts.gstatic.com",
    ],
    ["font-src", "data", "", 'CSP_ADDITIONS="font-src data:"'],
    ["img-src", "data", "", 'CSP_ADDITIONS="img-src data:"'],
    ["img-src", "blob", "", 'CSP_ADDITIONS="img-src blob:"'],
    ["img-src", `data:image/png;base64,${SECRET}`, "", 'CSP_ADDITIONS="img-src data:"', "data"],
    [
      "connect-src",
      `https://o1.ingest.sentry.io/api/2/envelope/?sentry_key=${SECRET}`,
      "",
      'CSP_ADDITIONS="connect-src https://o1.ingest.sentry.io"',
      "https://o1.ingest.sentry.io",
    ],
    [
      "connect-src",
      "wss://live.example.com:8443/x",
      "",
      'CSP_ADDITIONS="connect-src wss://live.example.com:8443"',
      "wss://live.example.com:8443",
    ],
    [
      "connect-src",
      "http://127.0.0.1:4318/v1/traces",
      "",
      'CSP_ADDITIONS="connect-src http://127.0.0.1:4318"',
      "http://127.0.0.1:4318",
    ],
    ["worker-src", "blob", "", 'CSP_ADDITIONS="worker-src blob:"'],
    [
      "script-src-elem",
      "https://js.stripe.com/v3/",
      "",
      'CSP_ADDITIONS="script-src https://js.stripe.com"',
      "https://js.stripe.com",
    ],
    [
      "script-src-elem",
      "https://cdn.jsdelivr.net/npm/x",
      "",
      'CSP_ADDITIONS="script-src https://cdn.jsdelivr.net" CSP_ALLOW="shared-script-hosts"',
      "https://cdn.jsdelivr.net",
    ],
    ["script-src-elem", "inline", "", `CSP_ADDITIONS="script-src 'unsafe-inline'" CSP_ALLOW="unsafe-inline-scripts"`],
    ["script-src-attr", "inline", "", `CSP_ADDITIONS="script-src 'unsafe-inline'" CSP_ALLOW="unsafe-inline-scripts"`],
    ["script-src", "eval", "", `CSP_ADDITIONS="script-src 'unsafe-eval'" CSP_ALLOW="unsafe-eval"`],
    ["script-src", "wasm-eval", "", `CSP_ADDITIONS="script-src 'wasm-unsafe-eval'"`],
    [
      "frame-src",
      "https://www.youtube-nocookie.com/embed/x",
      "",
      'CSP_ADDITIONS="frame-src https://www.youtube-nocookie.com"',
      "https://www.youtube-nocookie.com",
    ],
    ["frame-src", "self", "", `CSP_ADDITIONS="frame-src 'self'"`],
    ["base-uri", "self", "", `CSP_ADDITIONS="base-uri 'self'"`],
    [
      "form-action",
      "https://pay.example.com/x",
      "",
      'CSP_ADDITIONS="form-action https://pay.example.com"',
      "https://pay.example.com",
    ],
    [
      "manifest-src",
      "https://cdn.example.com/m.json",
      "",
      'CSP_ADDITIONS="manifest-src https://cdn.example.com"',
      "https://cdn.example.com",
    ],
    [
      "require-trusted-types-for",
      "trusted-types-sink",
      `Element innerHTML|<p>${SECRET}`,
      "TRUSTED_TYPES=off",
      "trusted-types-sink: Element innerHTML",
    ],
    [
      "require-trusted-types-for",
      "trusted-types-sink",
      `Worker constructor|/${SECRET}`,
      "TRUSTED_TYPES=off",
      "trusted-types-sink: Worker constructor",
    ],
    [
      "trusted-types",
      "trusted-types-policy",
      "dompurify",
      'TRUSTED_TYPES="dompurify"',
      "trusted-types-policy: dompurify",
    ],
    // No setting is advised for what does not pass its own check.
    ["img-src", "http://[::1]:3000/x", "", undefined, "http://[::1]:3000"],
    ["img-src", 'https://a"$(id).example/x', "", undefined, undefined],
    ["worker-src", "inline", "", undefined],
  ])("%s, blocked %s %s", async (...[directive, blocked, sample, setting, logged = blocked]) => {
    const expected = { msg: "content security policy violation", path: "/orders", directive, setting };
    for (const type of [LEGACY, REPORTING]) {
      const gateway = await startWith();
      const body =
        type === LEGACY
          ? legacy(gateway, {
              "effective-directive": directive,
              "violated-directive": directive,
              "blocked-uri": blocked,
              "script-sample": sample,
              disposition: "enforce",
            })
          : modern(gateway, { effectiveDirective: directive, blockedURL: blocked, sample });
      expect(await send(gateway, { type, body })).toEqual({ status: 204, text: "" });
      const found = violations(gateway);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatchObject(expected);
      if (!blocked.includes('"')) expect(found[0]?.blocked).toBe(logged);
      expect(gateway.log.join("\n")).not.toContain(SECRET);
    }
  });

  it("each kind of violation is logged once, and the newest setting contains all earlier ones", async () => {
    const gateway = await startWith({ CSP_ADDITIONS: "img-src data:" });
    const bodies = [
      { effectiveDirective: "style-src-elem", blockedURL: "inline" },
      { effectiveDirective: "style-src-elem", blockedURL: "inline" },
      { effectiveDirective: "font-src", blockedURL: "https://fonts.example.com/a.woff2" },
      { effectiveDirective: "font-src", blockedURL: "https://fonts.example.com/b.woff2" },
      { effectiveDirective: "img-src", blockedURL: "blob" },
    ];
    await send(gateway, { type: REPORTING, body: modern(gateway, ...bodies) });
    await send(gateway, { type: REPORTING, body: modern(gateway, ...bodies) });
    expect(violations(gateway).map(({ setting }) => setting)).toEqual([
      `CSP_ADDITIONS="img-src data:; style-src 'unsafe-inline'"`,
      `CSP_ADDITIONS="img-src data:; style-src 'unsafe-inline'; font-src https://fonts.example.com"`,
      `CSP_ADDITIONS="img-src data: blob:; style-src 'unsafe-inline'; font-src https://fonts.example.com"`,
    ]);
  });

  it("in production the log names no setting, since anyone can send a report", async () => {
    const gateway = await startWith({
      ...{ CSP_REPORTS: "on", PUBLIC_ORIGIN: "https://app.example.com", OIDC_ISSUER: "https://id.example.com" },
    });
    const body = JSON.stringify({
      "csp-report": {
        "document-uri": "https://app.example.com/",
        "effective-directive": "img-src",
        "blocked-uri": "data",
      },
    });
    expect((await send(gateway, { body, headers: { host: "app.example.com" } })).status).toBe(204);
    expect(violations(gateway)).toMatchObject([{ directive: "img-src", blocked: "data", setting: undefined }]);
  });

  it("a violation that was only reported has its own message", async () => {
    const gateway = await startWith({ CSP_REPORT_ONLY: "on" });
    await send(gateway, {
      body: legacy(gateway, { "violated-directive": "img-src 'self'", "blocked-uri": "data", disposition: "report" }),
    });
    expect(violations(gateway)).toMatchObject([
      {
        msg: "content security policy violation, reported only",
        directive: "img-src",
        setting: 'CSP_ADDITIONS="img-src data:"',
      },
    ]);
  });

  it("500 kinds of violations are remembered at most, and suggestions stay short", async () => {
    const gateway = await startWith();
    for (let round = 0; round < 8; round++) {
      const bodies = Array.from({ length: 100 }, (_, at) => ({
        effectiveDirective: "img-src",
        blockedURL: `https://host-${round}-${at}.example`,
      }));
      expect((await send(gateway, { type: REPORTING, body: modern(gateway, ...bodies) })).status).toBe(204);
    }
    const settings = violations(gateway).map(({ setting }) => (typeof setting === "string" ? setting : ""));
    expect(Math.max(...settings.map(({ length }) => length))).toBeLessThan(3_000);
  });
});

describe("reports that are ignored", () => {
  it.each<[string, Record<string, unknown>]>([
    ["of a browser extension's script", { "source-file": "chrome-extension://abc/x.js" }],
    ["of a Firefox extension's script", { "source-file": "moz-extension" }],
    ["of a blocked extension", { "blocked-uri": "safari-web-extension://abc" }],
    ["of a document of another origin", { "document-uri": "https://evil.example/" }],
    ["of a document without an origin", { "document-uri": "about" }],
    ["of an unknown directive", { "effective-directive": "x-src", "violated-directive": "x-src" }],
    ["of a directive with a line break", { "effective-directive": "img-src\nfake: line" }],
    ["without a directive", { "effective-directive": 7 }],
  ])("a report %s", async (_name, change) => {
    const gateway = await startWith();
    const body = legacy(gateway, { "effective-directive": "script-src", "blocked-uri": "inline", ...change });
    expect((await send(gateway, { body })).status).toBe(204);
    expect(violations(gateway)).toEqual([]);
  });
});

describe("requests that are rejected", () => {
  it.each<[string, number, (gateway: TestGateway) => Report]>([
    ["of another site", 403, () => ({ body: "{}", headers: { "sec-fetch-site": "cross-site" } })],
    ["of a sibling host", 403, () => ({ body: "{}", headers: { "sec-fetch-site": "same-site" } })],
    ["with a foreign Origin", 403, () => ({ body: "{}", headers: { origin: "https://evil.example" } })],
    ["that are not JSON", 400, () => ({ body: "{" })],
    ["that are null", 400, () => ({ body: "null" })],
    ["that are no report", 400, () => ({ body: '{"csp-report":1}' })],
    ["that are not a list", 400, () => ({ type: REPORTING, body: "{}" })],
    ["of another type", 400, () => ({ type: "application/json", body: "{}" })],
    ["of a form", 400, () => ({ type: "application/x-www-form-urlencoded", body: "a=b" })],
    ["that are compressed", 400, () => ({ body: "{}", headers: { "content-encoding": "gzip" } })],
    ["that are too large", 413, () => ({ body: `{"csp-report":{"x":"${"x".repeat(256 * 1024)}"}}` })],
  ])("requests %s", async (_name, status, report) => {
    const gateway = await startWith();
    expect((await send(gateway, report(gateway))).status).toBe(status);
    expect(violations(gateway)).toEqual([]);
  });

  it("a list with anything in it is read without an error", async () => {
    const gateway = await startWith();
    const body = JSON.stringify([
      null,
      1,
      "x",
      [],
      {},
      { type: "csp-violation" },
      { type: "csp-violation", body: 1 },
      { type: "deprecation", body: {} },
    ]);
    expect((await send(gateway, { type: `${REPORTING}; charset=utf-8`, body })).status).toBe(204);
    expect((await send(gateway, { body: '{"__proto__":{"csp-report":{}},"csp-report":{}}' })).status).toBe(204);
  });

  it("a host name longer than any is not kept", async () => {
    const gateway = await startWith();
    const report = { "effective-directive": "img-src", "blocked-uri": `https://${"a".repeat(200_000)}.example/` };
    expect((await send(gateway, { body: legacy(gateway, report) })).status).toBe(204);
    expect(violations(gateway)).toMatchObject([{ blocked: "unknown" }]);
  });

  it("reports of ever new kinds cannot flood the log", async () => {
    const gateway = await startWith();
    for (let list = 0; list < 8; list++) {
      const bodies = Array.from({ length: 100 }, (_, at) => ({
        effectiveDirective: "img-src",
        blockedURL: `https://h${list}-${at}.example/`,
      }));
      await send(gateway, { type: REPORTING, body: modern(gateway, ...bodies) });
    }
    const { length } = violations(gateway);
    expect(length).toBeGreaterThanOrEqual(500);
    expect(length).toBeLessThan(600);
  });

  it("requests beyond the rate limit are 429 with Retry-After", async () => {
    const gateway = await startWith();
    const body = legacy(gateway, { "effective-directive": "img-src", "blocked-uri": "data" });
    const statuses = await Promise.all(Array.from({ length: 260 }, async () => (await send(gateway, { body })).status));
    expect(statuses.filter((status) => status === 204).length).toBeGreaterThanOrEqual(200);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
    expect(violations(gateway)).toHaveLength(1);
  });

  it("without reports the endpoint is 404", async () => {
    const gateway = await startWith({ CSP_REPORTS: "off" });
    expect((await send(gateway, { body: "{}" })).status).toBe(404);
  });
});
