// CSP_ADDITIONS and CSP_ALLOW: what is accepted, what needs a word, and what is rejected (CSP Level 3 §2.3.1).
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { CSP_RISK_NAMES, type CspRisk } from "../../src/config/csp-risks.ts";
import { PAGE_POLICY_SETTINGS } from "../../src/config/page-policy-settings.ts";
import { contentSecurityPolicy, frameOptions } from "../../src/http/content-security-policy.ts";
import { pagePolicyConfig, pagePolicyFaults } from "../support/page-policy.ts";

/** @returns the directives of the policy that differ from the default ones */
function changes(additions: string, allow = ""): string[] {
  const { pagePolicy } = pagePolicyConfig({ CSP_ADDITIONS: additions, CSP_ALLOW: allow });
  const standard = contentSecurityPolicy(pagePolicyConfig().pagePolicy).split("; ");
  return contentSecurityPolicy(pagePolicy)
    .split("; ")
    .filter((directive) => !standard.includes(directive));
}

const SHA256 = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";
const SHA384 = "'sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb'";

describe("sources that weaken nothing beyond themselves are added", () => {
  it.each<[additions: string, ...expected: string[]]>([
    ["style-src 'unsafe-inline'", "style-src 'self' 'unsafe-inline'"],
    ["img-src data: blob:", "img-src 'self' data: blob:"],
    ["img-src https:", "img-src 'self' https:"],
    ["img-src *", "img-src 'self' *"],
    ["font-src https://fonts.gstatic.com", "font-src 'self' https://fonts.gstatic.com"],
    ["font-src data:", "font-src 'self' data:"],
    ["connect-src https://*.ingest.sentry.io", "connect-src 'self' https://*.ingest.sentry.io"],
    ["connect-src wss://live.example.com:8443", "connect-src 'self' wss://live.example.com:8443"],
    ["connect-src https://api.example.com/v1/", "connect-src 'self' https://api.example.com/v1/"],
    ["script-src https://js.stripe.com", "script-src 'self' https://js.stripe.com"],
    ["script-src js.stripe.com", "script-src 'self' js.stripe.com"],
    ["script-src 'wasm-unsafe-eval'", "script-src 'self' 'wasm-unsafe-eval'"],
    [`script-src ${SHA256}`, `script-src 'self' ${SHA256}`],
    [`script-src-elem ${SHA384}`, `script-src-elem 'self' ${SHA384}`],
    ["script-src 'report-sample'", "script-src 'self' 'report-sample'"],
    ["script-src 'inline-speculation-rules'", "script-src 'self' 'inline-speculation-rules'"],
    [
      "script-src https://www.googletagmanager.com/gtag/js",
      "script-src 'self' https://www.googletagmanager.com/gtag/js",
    ],
    [
      "script-src https://cdn.jsdelivr.net/npm/htmx.org@2.0.4/dist/htmx.min.js",
      "script-src 'self' https://cdn.jsdelivr.net/npm/htmx.org@2.0.4/dist/htmx.min.js",
    ],
    ["script-src http://localhost:*", "script-src 'self' http://localhost:*"],
    ["style-src 'nonce-YWJj'", "style-src 'self' 'nonce-YWJj'"],
    [`style-src 'unsafe-hashes' ${SHA256}`, `style-src 'self' 'unsafe-hashes' ${SHA256}`],
    ["worker-src blob:", "worker-src 'self' blob:"],
    ["media-src https://video.example.com", "media-src 'self' https://video.example.com"],
    ["manifest-src https://cdn.example.com", "manifest-src 'self' https://cdn.example.com"],
    ["frame-src https://www.youtube-nocookie.com", "frame-src https://www.youtube-nocookie.com"],
    ["frame-src blob: data:", "frame-src blob: data:"],
    ["object-src 'self'", "object-src 'self'"],
    ["base-uri 'self'", "base-uri 'self'"],
    ["form-action https://pay.example.com", "form-action 'self' https://pay.example.com"],
    ["frame-ancestors 'self'", "frame-ancestors 'self'"],
    ["frame-ancestors https://*.example.com", "frame-ancestors https://*.example.com"],
    ["default-src 'self'", "default-src 'self'"],
    ["upgrade-insecure-requests", "upgrade-insecure-requests"],
    // Several directives, blanks, empty parts, repeated directives and sources, letter case.
    [
      " IMG-SRC  DATA: ;; font-src\thttps://Fonts.Example.com;",
      "img-src 'self' data:",
      "font-src 'self' https://fonts.example.com",
    ],
    ["img-src data:; img-src blob: data: 'self'", "img-src 'self' data: blob:"],
    ["style-src 'Unsafe-Inline'", "style-src 'self' 'unsafe-inline'"],
    [
      "connect-src http://127.0.0.1:9000 ws://localhost:9000",
      "connect-src 'self' http://127.0.0.1:9000 ws://localhost:9000",
    ],
    ["img-src xn--bcher-kva.example", "img-src 'self' xn--bcher-kva.example"],
    ["img-src custom-scheme:", "img-src 'self' custom-scheme:"],
  ])("CSP_ADDITIONS=%s", (additions, ...expected) => {
    expect(changes(additions)).toEqual(expected);
  });
});

describe("a directive that the default policy does not have keeps what it replaces", () => {
  it.each<[additions: string, ...expected: string[]]>([
    ["style-src-elem https://a.example", "style-src-elem 'self' https://a.example"],
    [
      "style-src 'unsafe-inline'; style-src-elem https://a.example",
      "style-src 'self' 'unsafe-inline'",
      "style-src-elem 'self' 'unsafe-inline' https://a.example",
    ],
    [
      "script-src-elem https://b.example; script-src https://a.example",
      "script-src 'self' https://a.example",
      "script-src-elem 'self' https://a.example https://b.example",
    ],
    ["child-src https://a.example", "child-src https://a.example"],
    [
      "frame-src https://b.example; child-src https://a.example",
      "child-src https://a.example",
      "frame-src https://a.example https://b.example",
    ],
    [
      "default-src https://a.example; object-src 'self'",
      "default-src https://a.example",
      "object-src https://a.example 'self'",
    ],
    [
      "script-src https://a.example; worker-src blob:",
      "script-src 'self' https://a.example",
      "worker-src 'self' blob:",
    ],
  ])("CSP_ADDITIONS=%s", (additions, ...expected) => {
    expect(changes(additions)).toEqual(expected);
  });
});

describe("a dangerous source needs its word in CSP_ALLOW", () => {
  it.each<[additions: string, ...words: CspRisk[]]>([
    ["script-src 'unsafe-eval'", "unsafe-eval"],
    ["script-src 'trusted-types-eval'", "unsafe-eval"],
    ["default-src 'unsafe-eval'", "unsafe-eval"],
    ["script-src 'unsafe-inline'", "unsafe-inline-scripts"],
    ["script-src-elem 'unsafe-inline'", "unsafe-inline-scripts"],
    ["script-src-attr 'unsafe-inline'", "unsafe-inline-scripts"],
    ["default-src 'unsafe-inline'", "unsafe-inline-scripts"],
    ["script-src 'UNSAFE-INLINE'", "unsafe-inline-scripts"],
    [`script-src 'unsafe-hashes' ${SHA256}`, "unsafe-hashes"],
    ["script-src 'nonce-YWJj'", "fixed-nonce-scripts"],
    ["script-src-elem 'nonce-YWJj'", "fixed-nonce-scripts"],
    [`script-src 'strict-dynamic' ${SHA256}`, "strict-dynamic"],
    ["script-src *", "wildcard-scripts"],
    ["script-src https:", "wildcard-scripts"],
    ["script-src HTTPS:", "wildcard-scripts"],
    ["script-src http:", "wildcard-scripts", "plain-http"],
    ["script-src wss:", "wildcard-scripts"],
    ["script-src https://*", "wildcard-scripts"],
    ["script-src *:443", "wildcard-scripts"],
    ["script-src *.example.com", "wildcard-scripts"],
    ["script-src https://*.com", "wildcard-scripts"],
    ["script-src https://cdn.example.com:*", "wildcard-scripts"],
    ["script-src-elem https:", "wildcard-scripts"],
    ["worker-src https:", "wildcard-scripts"],
    ["object-src *", "wildcard-scripts"],
    ["default-src *", "wildcard-scripts"],
    ["script-src custom:", "wildcard-scripts"],
    ["script-src data:", "data-scripts"],
    ["script-src blob:", "data-scripts"],
    ["script-src filesystem:", "data-scripts"],
    ["script-src javascript:", "data-scripts"],
    ["worker-src data:", "data-scripts"],
    ["object-src data:", "data-scripts"],
    ["script-src https://cdn.jsdelivr.net", "shared-script-hosts"],
    ["script-src cdn.jsdelivr.net", "shared-script-hosts"],
    ["script-src https://cdn.jsdelivr.net/npm/", "shared-script-hosts"],
    ["script-src https://CDN.jsdelivr.net.", "shared-script-hosts"],
    ["script-src https://unpkg.com", "shared-script-hosts"],
    ["script-src https://ajax.googleapis.com", "shared-script-hosts"],
    ["script-src https://cdnjs.cloudflare.com", "shared-script-hosts"],
    ["script-src https://accounts.google.com", "shared-script-hosts"],
    ["script-src https://accounts.google.com/o/oauth2/revoke", "shared-script-hosts"],
    ["script-src https://www.googletagmanager.com", "shared-script-hosts"],
    ["script-src https://www.youtube.com", "shared-script-hosts"],
    ["script-src https://storage.googleapis.com/my-bucket/", "shared-script-hosts"],
    ["script-src http://cdn.example.com", "plain-http"],
    ["img-src http://images.example.com", "plain-http"],
    ["connect-src ws://live.example.com", "plain-http"],
    ["frame-ancestors *", "wildcard-frame-ancestors"],
    ["frame-ancestors https:", "wildcard-frame-ancestors"],
    ["frame-ancestors https://*", "wildcard-frame-ancestors"],
    ["frame-ancestors *.com", "wildcard-frame-ancestors"],
    ["form-action *", "wildcard-form-action"],
    ["form-action https:", "wildcard-form-action"],
    ["form-action data:", "wildcard-form-action"],
    ["base-uri *", "wildcard-base-uri"],
    ["base-uri https:", "wildcard-base-uri"],
    ["connect-src *", "wildcard-connections"],
    ["connect-src https:", "wildcard-connections"],
    ["connect-src wss:", "wildcard-connections"],
  ])("CSP_ADDITIONS=%s needs %s", (additions, ...words) => {
    const faults = pagePolicyFaults({ CSP_ADDITIONS: additions });
    expect(faults).toHaveLength(words.length);
    words.forEach((word, index) => {
      expect(faults[index]).toMatch(/^CSP_ADDITIONS: \S+ \S+ is dangerous: .*\.$/);
      expect(faults[index]).toContain(`add ${word} to CSP_ALLOW.`);
    });
    const others = CSP_RISK_NAMES.filter((word) => !words.includes(word)).join(",");
    expect(pagePolicyFaults({ CSP_ADDITIONS: additions, CSP_ALLOW: others })).toEqual(faults);
    expect(pagePolicyFaults({ CSP_ADDITIONS: additions, CSP_ALLOW: words.join(" ") })).toEqual([]);
    expect(changes(additions, words.join(" "))).toHaveLength(1);
  });
});

describe("what is not a source, or has no effect, prevents startup", () => {
  it.each<[additions: string, fault: RegExp]>([
    // Unknown and reserved directives.
    ["scripts-src https://a.example", /scripts-src is not a directive of CSP\. Did you mean script-src\?/],
    ["stylesrc 'unsafe-inline'", /Did you mean style-src\?/],
    ["script-src 'self' https://a.example, style-src 'self'", /https:\/\/a\.example, contains `,`/],
    ["report-uri https://evil.example", /report-uri is set by CSP_REPORTS/],
    ["report-to x", /report-to is set by CSP_REPORTS/],
    ["trusted-types *", /trusted-types is set by TRUSTED_TYPES/],
    ["require-trusted-types-for 'script'", /is set by TRUSTED_TYPES/],
    ["sandbox allow-scripts", /sandbox would take the session cookie/],
    ["plugin-types application/pdf", /no longer part of CSP/],
    ["constructor https://a.example", /constructor is not a directive/],
    ["__proto__ https://a.example", /is not a directive/],
    ["https://a.example", /stands where a directive is expected/],
    ["'unsafe-inline'", /stands where a directive is expected/],
    [";", /names no directive/],
    ["img-src", /img-src names no source/],
    ["upgrade-insecure-requests 1", /takes no sources/],
    // Header injection.
    ["img-src https://a.example/x,script-src", /contains `,`/],
    ["img-src data:\r\nSet-Cookie:x=1", /img-src data:\?\?Set-Cookie:x=1 has a character that is not printable/],
    ["img-src https://b\u00fccher.example", /not printable ASCII.*Punycode/],
    ["img-src \u202ehttps://a.example", /not printable ASCII/],
    // Keywords.
    ["script-src self", /self is a keyword and needs quotes: 'self'/],
    ["style-src unsafe-inline", /needs quotes: 'unsafe-inline'/],
    ["script-src nonce-abc", /needs quotes/],
    ["script-src sha256-abc", /needs quotes/],
    ["script-src 'none'", /'none' has no effect/],
    ["script-src none", /needs quotes/],
    ["script-src 'unsafe-evil'", /Did you mean 'unsafe-eval'\?/],
    ["script-src 'self", /is not a keyword/],
    ["script-src 'https://a.example'", /is not a keyword/],
    ["img-src 'unsafe-inline'", /has no effect in img-src/],
    ["style-src 'unsafe-eval'", /has no effect in style-src\. It belongs to script-src/],
    ["script-src-elem 'unsafe-eval'", /has no effect in script-src-elem/],
    ["script-src-elem 'wasm-unsafe-eval'", /has no effect in script-src-elem/],
    ["style-src-elem 'unsafe-hashes'", /has no effect/],
    ["style-src 'strict-dynamic'", /has no effect/],
    ["frame-ancestors 'unsafe-inline'", /has no effect/],
    ["connect-src 'nonce-YWJj'", /has no effect in connect-src/],
    [`img-src ${SHA256}`, /has no effect in img-src/],
    ["script-src-attr https://a.example", /has no effect in script-src-attr/],
    ["style-src-attr data:", /has no effect in style-src-attr/],
    [`style-src 'unsafe-inline' ${SHA256}`, /'unsafe-inline' has no effect beside 'sha256-/],
    ["style-src 'unsafe-inline'; style-src 'nonce-YWJj'", /'unsafe-inline' has no effect beside 'nonce-/],
    // Nonces and hashes.
    ["script-src 'nonce-'", /is not a keyword/],
    ["script-src 'nonce-a b'", /is not a keyword/],
    ["script-src 'sha256-abc='", /is not a whole sha256 hash/],
    [`script-src ${SHA256.replace("sha256", "sha512")}`, /is not a whole sha512 hash/],
    ["script-src 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk='", /is not a keyword/],
    // Hosts and schemes.
    ["img-src https://a.example/x?y=1", /CSP compares no queries/],
    ["img-src https://a.example/#x", /CSP compares no queries/],
    ["img-src https://user:pw@a.example", /no user names/],
    ["img-src https://[::1]:3000", /no IPv6/],
    ["img-src //cdn.example.com", /write scheme and host/],
    ["img-src /logo.png", /write scheme and host/],
    ["img-src data:image/png", /write the scheme alone: data:/],
    ["img-src https://a.*.example", /a \* stands for/],
    ["img-src https://cdn*.example.com", /a \* stands for/],
    ["img-src https://", /is not a source/],
    ["img-src https://a.example:99999", /port above 65535/],
    ["img-src https://a.example:x", /is not a source/],
    ["img-src data", /data is not a host name/],
    ["img-src https", /https is not a host name/],
    ['img-src https://a.example/"', /is not a source/],
    ["img-src https://a..example", /is not a source/],
    ["img-src <script>", /is not a source/],
  ])("CSP_ADDITIONS=%s", (additions, fault) => {
    const faults = pagePolicyFaults({ CSP_ADDITIONS: additions, CSP_ALLOW: CSP_RISK_NAMES.join(" ") });
    expect(faults.join("\n")).toMatch(fault);
  });

  it("no accepted value contains a separator of directives, policies or headers", () => {
    for (const separator of [";", ",", "\r", "\n", "\0", "\u2028"]) {
      for (const source of [`https://a.example/${separator}x`, `'nonce-a${separator}'`, `data:${separator}`]) {
        const env = { CSP_ADDITIONS: `img-src ${source}`, CSP_ALLOW: CSP_RISK_NAMES.join(" ") };
        if (pagePolicyFaults(env).length > 0) continue;
        expect(contentSecurityPolicy(pagePolicyConfig(env).pagePolicy)).not.toContain(
          `https://a.example/${separator}x`,
        );
      }
    }
  });
});

describe("CSP_ALLOW", () => {
  it.each([
    ["unsafe-evil", /unknown word "unsafe-evil"\. Did you mean unsafe-eval\?/],
    ["'unsafe-eval'", /unknown word/],
    ["*", /unknown word/],
    ["all", /unknown word/],
  ])("CSP_ALLOW=%s prevents startup", (allow, fault) => {
    expect(pagePolicyFaults({ CSP_ALLOW: allow }).join()).toMatch(fault);
  });

  it("a word of CSP_ALLOW without a source changes nothing", () => {
    expect(changes("img-src data:", CSP_RISK_NAMES.join(" "))).toEqual(["img-src 'self' data:"]);
  });

  it("the meaning of the setting lists every word", () => {
    for (const word of CSP_RISK_NAMES) expect(PAGE_POLICY_SETTINGS.CSP_ALLOW.meaning).toContain(`\`${word}\``);
  });
});

describe("X-Frame-Options follows frame-ancestors", () => {
  it.each([
    ["img-src data:", "DENY"],
    ["frame-ancestors 'self'", "SAMEORIGIN"],
    ["frame-ancestors https://portal.example.com", undefined],
    ["frame-ancestors 'self' https://portal.example.com", undefined],
  ])("CSP_ADDITIONS=%s sends %s", (additions, expected) => {
    expect(frameOptions(pagePolicyConfig({ CSP_ADDITIONS: additions }).pagePolicy.additions)).toBe(expected);
  });
});

describe("the configuration", () => {
  const env = {
    OIDC_ISSUER: "https://id.example.com",
    OIDC_CLIENT_ID: "app",
    OIDC_CLIENT_SECRET: "a-secret-of-the-client",
    PUBLIC_ORIGIN: "https://app.example.com",
    SECRET_KEYS: "q2JfQb0m8wq0V3s1vJ5lq6r1pC6b3n1b8Yx0s7s9d2E",
  };

  it("all faults of the policies are reported at once", () => {
    const wrong = { ...env, CSP_ADDITIONS: "script-src 'unsafe-eval' https:; img-src data", TRUSTED_TYPES: "a b off" };
    expect(() => loadConfig(wrong)).toThrow(/CSP_ADDITIONS[^]*TRUSTED_TYPES/);
    expect(() => loadConfig({ ...env, CSP_ADDITIONS: "script-src 'unsafe-eval' https:" })).toThrow(
      /add unsafe-eval to CSP_ALLOW[^]*add wildcard-scripts to CSP_ALLOW/,
    );
  });

  it("unused words and a policy that blocks nothing are warnings", () => {
    const { warnings } = loadConfig({ ...env, CSP_ALLOW: "unsafe-eval", CSP_REPORT_ONLY: "on" });
    expect(warnings).toEqual([
      "CSP_ALLOW contains unsafe-eval, which no source of CSP_ADDITIONS needs. Remove it",
      expect.stringMatching(/^CSP_REPORT_ONLY=on: the Content-Security-Policy blocks nothing/),
    ]);
  });
});
