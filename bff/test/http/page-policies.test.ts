// The policy headers of the app's pages for each setting, and that no setting reaches other responses.
import { describe, expect, it } from "vitest";
import { documentHeaders, pageHeaders, securityHeaderList, type HeaderList } from "../../src/http/security-headers.ts";
import { pagePolicyConfig, pagePolicyFaults, type PagePolicyEnv } from "../support/page-policy.ts";

const byName = (list: HeaderList): Record<string, string> =>
  Object.fromEntries(Array.from({ length: list.length / 2 }, (_, at) => [list[at * 2], list[at * 2 + 1]]));

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
  "media-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TRUSTED_TYPES = "; require-trusted-types-for 'script'; trusted-types 'none'";

const DEFAULTS: Record<string, string> = {
  "Content-Security-Policy": POLICY + TRUSTED_TYPES,
  "X-Content-Type-Options": "nosniff",
  "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Origin-Agent-Cluster": "?1",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
};

const WITH_TLS = "https://app.example.com";
const ABSENT = undefined;

describe("the policy of an app on a CDN", () => {
  it.each([
    ["https://cdn.example.com/shop/index.html", "https://cdn.example.com"],
    ["https://bucket.s3.amazonaws.com/index.html", "https://bucket.s3.amazonaws.com"],
    ["https://storage.googleapis.com/my-bucket/index.html?v=1", "https://storage.googleapis.com/my-bucket/"],
    ["https://unpkg.com/@me/app@1.0.0/dist/index.html", "https://unpkg.com/@me/app@1.0.0/dist/"],
  ])("SPA_URL=%s opens it for %s, never for a host with the scripts of other people", (SPA_URL, source) => {
    const policy = byName(documentHeaders(pagePolicyConfig({ SPA_URL })))["Content-Security-Policy"];
    expect(policy).toContain(`script-src 'self' ${source};`);
    expect(policy).toContain(`manifest-src 'self' ${source};`);
  });
});

describe("headers of the app's pages", () => {
  it("the defaults are the safe ones", () => {
    expect(byName(documentHeaders(pagePolicyConfig()))).toEqual(DEFAULTS);
  });

  it.each<[env: PagePolicyEnv, changed: Record<string, string | undefined>]>([
    [
      { CSP_ADDITIONS: "style-src 'unsafe-inline'" },
      {
        "Content-Security-Policy": `${POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")}${TRUSTED_TYPES}`,
      },
    ],
    [{ TRUSTED_TYPES: "off" }, { "Content-Security-Policy": POLICY }],
    [
      { TRUSTED_TYPES: "dompurify, app#html 'allow-duplicates'" },
      {
        "Content-Security-Policy": `${POLICY}; require-trusted-types-for 'script'; trusted-types dompurify app#html 'allow-duplicates'`,
      },
    ],
    [
      { CSP_ADDITIONS: "frame-ancestors 'self'" },
      {
        "Content-Security-Policy": (POLICY + TRUSTED_TYPES).replace("frame-ancestors 'none'", "frame-ancestors 'self'"),
        "X-Frame-Options": "SAMEORIGIN",
      },
    ],
    [
      { CSP_ADDITIONS: "frame-ancestors https://portal.example.com" },
      {
        "Content-Security-Policy": (POLICY + TRUSTED_TYPES).replace(
          "ancestors 'none'",
          "ancestors https://portal.example.com",
        ),
        "X-Frame-Options": ABSENT,
      },
    ],
    [
      { CSP_REPORT_ONLY: "on" },
      {
        "Content-Security-Policy": "frame-ancestors 'none'",
        "Content-Security-Policy-Report-Only": `${POLICY}${TRUSTED_TYPES}; report-uri /bff/csp-reports; report-to csp`,
        "Reporting-Endpoints": 'csp="/bff/csp-reports"',
      },
    ],
    [
      { CSP_REPORTS: "on" },
      {
        "Content-Security-Policy": `${POLICY}${TRUSTED_TYPES}; report-uri /bff/csp-reports; report-to csp`,
        "Reporting-Endpoints": 'csp="/bff/csp-reports"',
      },
    ],
    [
      { CSP_REPORTS: "https://o1.ingest.sentry.io/api/2/security/?sentry_key=abc" },
      {
        "Content-Security-Policy": `${POLICY}${TRUSTED_TYPES}; report-uri https://o1.ingest.sentry.io/api/2/security/?sentry_key=abc; report-to csp`,
        "Reporting-Endpoints": 'csp="https://o1.ingest.sentry.io/api/2/security/?sentry_key=abc"',
      },
    ],
    [{ CSP_REPORTS: "off" }, {}],
    [
      { CROSS_ORIGIN_OPENER_POLICY: "same-origin-allow-popups" },
      { "Cross-Origin-Opener-Policy": "same-origin-allow-popups" },
    ],
    [{ CROSS_ORIGIN_OPENER_POLICY: "unsafe-none" }, { "Cross-Origin-Opener-Policy": "unsafe-none" }],
    [{ CROSS_ORIGIN_EMBEDDER_POLICY: "require-corp" }, { "Cross-Origin-Embedder-Policy": "require-corp" }],
    [{ CROSS_ORIGIN_EMBEDDER_POLICY: "credentialless" }, { "Cross-Origin-Embedder-Policy": "credentialless" }],
    [{ CROSS_ORIGIN_RESOURCE_POLICY: "cross-origin" }, { "Cross-Origin-Resource-Policy": "cross-origin" }],
    [
      { PERMISSIONS_POLICY: "camera=(self), fullscreen=*, geolocation=self" },
      { "Permissions-Policy": "camera=(self), geolocation=self, microphone=(), payment=(), usb=(), fullscreen=*" },
    ],
    [
      { PERMISSIONS_POLICY: 'payment=( self  "https://*.pay.example:8443" )' },
      {
        "Permissions-Policy":
          'camera=(), geolocation=(), microphone=(), payment=(self "https://*.pay.example:8443"), usb=()',
      },
    ],
    [{ REFERRER_POLICY: "strict-origin-when-cross-origin" }, { "Referrer-Policy": "strict-origin-when-cross-origin" }],
    [{ STRICT_TRANSPORT_SECURITY: "max-age=300" }, { "Strict-Transport-Security": "max-age=300" }],
    [{ STRICT_TRANSPORT_SECURITY: 'MAX-AGE="0"' }, { "Strict-Transport-Security": "max-age=0" }],
    [
      { STRICT_TRANSPORT_SECURITY: "max-age=31536000;includesubdomains;PRELOAD" },
      { "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload" },
    ],
    [{ STRICT_TRANSPORT_SECURITY: "off" }, { "Strict-Transport-Security": ABSENT }],
  ])("%j changes exactly %j", (env, changed) => {
    const expected = Object.entries({ ...DEFAULTS, ...changed }).filter(([, value]) => value !== ABSENT);
    expect(byName(documentHeaders(pagePolicyConfig(env)))).toEqual(Object.fromEntries(expected));
  });
});

describe("other responses", () => {
  const OPEN: PagePolicyEnv = {
    CSP_ADDITIONS: "script-src 'unsafe-inline' *; frame-ancestors *; default-src *; base-uri *; form-action *",
    CSP_ALLOW: "unsafe-inline-scripts wildcard-scripts wildcard-frame-ancestors wildcard-base-uri wildcard-form-action",
    CSP_REPORT_ONLY: "on",
    TRUSTED_TYPES: "off",
    CROSS_ORIGIN_OPENER_POLICY: "unsafe-none",
    CROSS_ORIGIN_EMBEDDER_POLICY: "credentialless",
    CROSS_ORIGIN_RESOURCE_POLICY: "cross-origin",
    PERMISSIONS_POLICY: "camera=*",
    REFERRER_POLICY: "no-referrer-when-downgrade",
  };

  it("JSON responses and the gateway's own pages keep their policies whatever is set", () => {
    const [standard, open] = [pagePolicyConfig(), pagePolicyConfig(OPEN)];
    expect(securityHeaderList(open)).toEqual(securityHeaderList(standard));
    expect(pageHeaders(open, "sha256-x")).toEqual(pageHeaders(standard, "sha256-x"));
    expect(byName(pageHeaders(open, "sha256-x"))["X-Frame-Options"]).toBe("DENY");
  });

  it("Strict-Transport-Security applies to every response of the host", () => {
    const config = pagePolicyConfig({ STRICT_TRANSPORT_SECURITY: "max-age=300" });
    for (const list of [securityHeaderList(config), pageHeaders(config, "sha256-x"), documentHeaders(config)])
      expect(byName(list)["Strict-Transport-Security"]).toBe("max-age=300");
  });
});

describe("violation reports", () => {
  const DEVELOPMENT = { publicOrigin: "http://localhost:3000", production: false };

  const ON = { isRequested: true };
  const OFF = { isRequested: false };

  it.each<[name: string, env: PagePolicyEnv, surroundings: object, expected: { isRequested: boolean }]>([
    ["in development", {}, DEVELOPMENT, ON],
    ["with NODE_ENV=production", {}, { ...DEVELOPMENT, production: true }, OFF],
    ["on another host", {}, { publicOrigin: WITH_TLS, production: false }, OFF],
    ["in production", {}, {}, OFF],
    ["in production with CSP_REPORT_ONLY", { CSP_REPORT_ONLY: "on" }, {}, ON],
    ["in production with CSP_REPORTS=on", { CSP_REPORTS: "on" }, {}, ON],
    ["in development with CSP_REPORTS=off", { CSP_REPORTS: "off" }, DEVELOPMENT, OFF],
  ])("reports %s", (_name, env, surroundings, { isRequested }) => {
    const config = pagePolicyConfig(env, surroundings);
    expect(config.pagePolicy.reports).toBe(isRequested ? "gateway" : "off");
    expect(documentHeaders(config).join().includes("report-uri /bff/csp-reports")).toBe(isRequested);
    expect(config.pagePolicy.suggestsSettings).toBe(surroundings === DEVELOPMENT);
  });

  it("an http origin has no endpoint of the Reporting API, which Chromium would prefer and then not use", () => {
    const headers = byName(documentHeaders(pagePolicyConfig({}, DEVELOPMENT)));
    expect(headers["Content-Security-Policy"]).toMatch(/; report-uri \/bff\/csp-reports$/);
    expect(headers["Reporting-Endpoints"]).toBeUndefined();
  });
});

describe("values that are rejected", () => {
  it.each<[env: PagePolicyEnv, fault: RegExp]>([
    [{ CSP_REPORT_ONLY: "true" }, /must be off or on/],
    [{ CSP_REPORT_ONLY: "on", CSP_REPORTS: "off" }, /CSP_REPORT_ONLY=on needs reports/],
    [{ CSP_REPORTS: "http://collector.example" }, /https URL/],
    [{ CSP_REPORTS: "https://user:pw@collector.example" }, /without/],
    [{ CSP_REPORTS: "https://collector.example/a;script-src *" }, /without/],
    [{ CSP_REPORTS: "https://collector.example/a,b" }, /without/],
    [{ CSP_REPORTS: 'https://collector.example/"; x="' }, /without/],
    [{ CSP_REPORTS: "/reports" }, /https URL/],
    [{ TRUSTED_TYPES: "off required" }, /must be off alone/],
    [{ TRUSTED_TYPES: "a;script-src" }, /policy names/],
    [{ TRUSTED_TYPES: "'none'" }, /policy names/],
    [{ CROSS_ORIGIN_OPENER_POLICY: "none" }, /same-origin-allow-popups/],
    [{ CROSS_ORIGIN_EMBEDDER_POLICY: "same-origin" }, /require-corp/],
    [{ CROSS_ORIGIN_RESOURCE_POLICY: "*" }, /same-site/],
    [{ REFERRER_POLICY: "no-referrer" }, /logout form would be rejected/],
    [{ REFERRER_POLICY: "unsafe-url" }, /strict-origin-when-cross-origin/],
    [{ REFERRER_POLICY: "none" }, /must be same-origin/],
    [{ STRICT_TRANSPORT_SECURITY: "on" }, /max-age=SECONDS/],
    [{ STRICT_TRANSPORT_SECURITY: "includeSubDomains" }, /max-age=SECONDS/],
    [{ STRICT_TRANSPORT_SECURITY: "max-age=1; max-age=2" }, /each once/],
    [{ STRICT_TRANSPORT_SECURITY: "max-age=-1" }, /max-age=SECONDS/],
    [{ STRICT_TRANSPORT_SECURITY: "max-age=60; report-uri=x" }, /max-age=SECONDS/],
    [{ STRICT_TRANSPORT_SECURITY: "max-age=60; includeSubDomains; preload" }, /at least 31536000/],
    [{ STRICT_TRANSPORT_SECURITY: "max-age=31536000; preload" }, /only with includeSubDomains/],
    [{ PERMISSIONS_POLICY: "camera" }, /write feature=\(\)/],
    [{ PERMISSIONS_POLICY: "camera 'self'" }, /write feature=\(\)/],
    [{ PERMISSIONS_POLICY: "camra=()" }, /Did you mean camera\?/],
    [{ PERMISSIONS_POLICY: "camera=('self')" }, /write self, or an https origin/],
    [{ PERMISSIONS_POLICY: "camera=(https://a.example)" }, /in double quotes/],
    [{ PERMISSIONS_POLICY: 'camera=("http://a.example")' }, /https origin/],
    [{ PERMISSIONS_POLICY: 'camera=("https://a.example/path")' }, /https origin/],
    [{ PERMISSIONS_POLICY: "camera=(), camera=*" }, /names camera twice/],
    [{ PERMISSIONS_POLICY: "camera=();report-to=x" }, /write feature=\(\)/],
    [{ PERMISSIONS_POLICY: "camera=(), " }, /write feature=\(\)/],
  ])("%j", (env, fault) => {
    expect(pagePolicyFaults(env).join("\n")).toMatch(fault);
  });
});
