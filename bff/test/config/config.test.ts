import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError, loadConfig } from "../../src/config/config.ts";
import { configWarnings } from "../../src/config/warnings.ts";

const KEY = Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64url");
const good = {
  OIDC_ISSUER: "http://localhost:8080/realms/demo",
  OIDC_CLIENT_ID: "cloakroom",
  OIDC_CLIENT_SECRET: "a-secret-of-enough-length",
  SECRET_KEYS: KEY,
};

function faultsOf(change: Record<string, string | undefined>): string {
  try {
    loadConfig({ ...good, ...change });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "";
}

describe("the configuration", () => {
  it("the configuration needs four settings only, and is frozen", () => {
    const config = loadConfig(good);
    expect(config).toMatchObject({
      publicOrigin: "http://localhost:3000",
      listen: { host: "127.0.0.1", port: 3000 },
      sessionIdleMs: 1_800_000,
      sessionMaxMs: 28_800_000,
      upstreams: [],
    });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.provider)).toBe(true);
  });

  it("the configuration reports every missing setting in one message, with the fix", () => {
    const message = (() => {
      try {
        loadConfig({});
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    })();
    for (const name of ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "SECRET_KEYS"])
      expect(message).toContain(`${name} is required`);
    expect(message).toContain("randomBytes(32)");
  });

  it.each<[string, Record<string, string | undefined>, RegExp]>([
    ["a session limit that is not a number", { SESSIONS_PER_USER: "-1" }, /SESSIONS_PER_USER must be a whole number/],
    [
      "an SPA_URL without its scheme",
      { SPA_URL: "cdn.example.com/app" },
      /SPA_URL must be an http:\/\/ or https:\/\/ URL/,
    ],
    ["an empty name in a claim path", { OIDC_ROLES_CLAIM: "a..b" }, /OIDC_ROLES_CLAIM must be claim names .* empty\./],
    ["a claim path that is invalid JSON", { OIDC_ROLES_CLAIM: '["a"' }, /OIDC_ROLES_CLAIM .* not valid JSON\./],
    ["audiences without a word", { OIDC_AUDIENCES: " , " }, /OIDC_AUDIENCES must not be empty/],
    [
      "Entra ID's issuer of every tenant without OIDC_TENANTS",
      { OIDC_ISSUER: "https://login.example.com/common/v2.0" },
      /OIDC_TENANTS is required by this OIDC_ISSUER/,
    ],
    [
      "Entra ID's issuer of every organization without OIDC_TENANTS",
      { OIDC_ISSUER: "https://login.example.com/organizations/v2.0" },
      /OIDC_TENANTS is required by this OIDC_ISSUER/,
    ],
    [
      "an issuer that is a template",
      { OIDC_ISSUER: "https://login.example.com/{tenantid}/v2.0" },
      /OIDC_ISSUER is a template/,
    ],
    ["tenants at an issuer of one tenant", { OIDC_TENANTS: "any" }, /OIDC_TENANTS is set, but OIDC_ISSUER names one/],
    [
      "a tenant that is no id",
      { OIDC_ISSUER: "https://login.example.com/common/v2.0", OIDC_TENANTS: "example.com" },
      /OIDC_TENANTS must be tenant ids/,
    ],
    [
      "any tenant beside a tenant id",
      {
        OIDC_ISSUER: "https://login.example.com/common/v2.0",
        OIDC_TENANTS: "any,11111111-2222-3333-4444-555555555555",
      },
      /OIDC_TENANTS must be tenant ids/,
    ],
    ["an origin with a path", { PUBLIC_ORIGIN: "https://app.example/x" }, /PUBLIC_ORIGIN must be an origin/],
    ["an origin with a final slash", { PUBLIC_ORIGIN: "https://app.example/" }, /PUBLIC_ORIGIN/],
    ["a public origin without TLS", { PUBLIC_ORIGIN: "http://app.example" }, /PUBLIC_ORIGIN must be https/],
    ["an http provider for a public origin", { PUBLIC_ORIGIN: "https://app.example" }, /OIDC_ISSUER may be http only/],
    [
      "an issuer that skips the issuer check",
      { OIDC_ISSUER: "https://p.example/.well-known/openid-configuration" },
      /OIDC_ISSUER/,
    ],
    ["a short secret", { OIDC_CLIENT_SECRET: "short" }, /OIDC_CLIENT_SECRET must have at least 16/],
    ["a short key", { SECRET_KEYS: "c2hvcnQ" }, /key 1 must be at least 32 random bytes/],
    ["a key that is not random", { SECRET_KEYS: "A".repeat(43) }, /key 1 is not random/],
    ["the same key twice", { SECRET_KEYS: `${KEY},${KEY}` }, /same key twice/],
    ["scopes without openid", { OIDC_SCOPE: "profile" }, /OIDC_SCOPE must contain "openid"/],
    ["no algorithm", { OIDC_ID_TOKEN_ALG: "none" }, /OIDC_ID_TOKEN_ALG must be one asymmetric/],
    ["a symmetric algorithm", { OIDC_ID_TOKEN_ALG: "HS256" }, /OIDC_ID_TOKEN_ALG/],
    [
      "an idle limit beyond the absolute one",
      { SESSION_IDLE_SECONDS: "100", SESSION_MAX_SECONDS: "50" },
      /SESSION_IDLE_SECONDS must not exceed/,
    ],
    ["production without Redis", { NODE_ENV: "production" }, /REDIS_URL is required/],
    ["an invalid Redis URL", { REDIS_URL: "http://x" }, /REDIS_URL must be redis:/],
    ["a Redis CA without TLS", { REDIS_URL: "redis://h", REDIS_CA_FILE: "/ca.pem" }, /REDIS_CA_FILE needs .*rediss:/],
    ["a missing Redis CA file", { REDIS_URL: "rediss://h", REDIS_CA_FILE: "/nowhere" }, /REDIS_CA_FILE names a file/],
    [
      "a Redis key alone",
      { REDIS_URL: "rediss://h", REDIS_KEY_FILE: "/nowhere" },
      /REDIS_KEY_FILE needs both REDIS_CERT_FILE/,
    ],
    [
      "a Sentinel password without Sentinel",
      { REDIS_URL: "redis://h", REDIS_SENTINEL_PASSWORD: "p" },
      /REDIS_SENTINEL_PASSWORD needs/,
    ],
    [
      "a Sentinel user without a password",
      { REDIS_URL: "redis+sentinel://h", REDIS_SENTINEL_USERNAME: "u" },
      /REDIS_SENTINEL_USERNAME needs REDIS_SENTINEL_PASSWORD/,
    ],
    ["certificate checks turned off", { NODE_TLS_REJECT_UNAUTHORIZED: "0" }, /NODE_TLS_REJECT_UNAUTHORIZED/],
    ["NODE_DEBUG, which prints sessions and tokens", { NODE_DEBUG: "koa-session:context" }, /NODE_DEBUG/],
    ["an invalid proxy range", { TRUSTED_PROXIES: "10.0.0.0/8,banana" }, /"banana" is not an address/],
    [
      "JSON rows in UPSTREAMS",
      { UPSTREAMS: '[{ "prefix": "/api", "baseUrl": "http://localhost:8000" }]' },
      /UPSTREAMS must be a list such as \S+, and holds JSON\. Write the JSON to a file and set UPSTREAMS_FILE\.$/m,
    ],
    ["an upstream without a prefix", { UPSTREAMS: "http://localhost:8000" }, /UPSTREAMS row 1/],
    [
      "an upstream below /bff",
      { UPSTREAMS: "/bff=http://localhost:8000" },
      /UPSTREAMS row 1 \(\/bff\): prefix must not be \/bff/,
    ],
    [
      "an upstream with credentials",
      { UPSTREAMS: "/api=http://u:p@localhost:8000" },
      /UPSTREAMS row 1 \(\/api\): baseUrl must not carry/,
    ],
    [
      "two upstreams for one prefix",
      { UPSTREAMS: "/api=http://a,/api=http://b" },
      /UPSTREAMS row 2 \(\/api\): prefix is also that of row 1/,
    ],
    [
      "a missing upstreams file",
      { UPSTREAMS_FILE: "/nowhere.json" },
      /UPSTREAMS_FILE names a file that cannot be read/,
    ],
    ["an invalid port", { PORT: "99999" }, /PORT must be a port number/],
    ["a post-logout path to another origin", { POST_LOGOUT_PATH: "//evil.example" }, /POST_LOGOUT_PATH/],
  ])("the configuration rejects %s", (_case, change, message) => {
    expect(faultsOf(change)).toMatch(message);
  });

  it("the configuration reports all errors at once and shows no secret", () => {
    const message = faultsOf({
      PORT: "x",
      SESSION_MAX_SECONDS: "y",
      OIDC_CLIENT_SECRET: "hunter2",
      SECRET_KEYS: "hunter3",
    });
    expect(message.match(/^ {2}- /gm)).toHaveLength(4);
    expect(message).not.toMatch(/hunter/);
  });

  it("the configuration reads secrets from files, and rejects NAME together with NAME_FILE", () => {
    const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "secret");
    writeFileSync(file, "a-secret-from-a-file\n");
    const config = loadConfig({ ...good, OIDC_CLIENT_SECRET: undefined, OIDC_CLIENT_SECRET_FILE: file });
    expect(config.provider.clientSecret).toBe("a-secret-from-a-file");
    expect(faultsOf({ OIDC_CLIENT_SECRET_FILE: file })).toMatch(/both set/);
    expect(faultsOf({ OIDC_CLIENT_SECRET: undefined, OIDC_CLIENT_SECRET_FILE: "/nowhere" })).toMatch(/cannot be read/);
  });

  it("the configuration reads upstreams from a file, longest prefix first, and names the invalid row", () => {
    const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
    writeFileSync(
      file,
      JSON.stringify([
        { prefix: "/api", baseUrl: "http://a/" },
        { prefix: "/api/admin", baseUrl: "http://b", requiredRoles: ["admin"] },
      ]),
    );
    expect(
      loadConfig({ ...good, UPSTREAMS_FILE: file }).upstreams.map(({ prefix, baseUrls }) => [prefix, ...baseUrls]),
    ).toEqual([
      ["/api/admin", "http://b"],
      ["/api", "http://a"],
    ]);
    writeFileSync(
      file,
      JSON.stringify([
        { prefix: "/api", baseUrl: "http://a" },
        { prefix: "/api/x", baseUrl: "http://b", tokn: "none" },
      ]),
    );
    expect(faultsOf({ UPSTREAMS_FILE: file })).toMatch(/UPSTREAMS_FILE row 2/);
  });
});

it.each([
  ["SPA_ROOT", "/srv/spa", "/", 1],
  ["SPA_URL", "https://cdn.example.com/index.html", "/", 1],
  ["SPA_ROOT", "/srv/spa", "/api", 0],
])("%s (%s) beside a row for %s causes %i warnings", (name, value, prefix, count) => {
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  writeFileSync(
    file,
    JSON.stringify([{ prefix, baseUrl: "http://web.test", access: "optional", csrf: "same-origin" }]),
  );
  const warnings = configWarnings(loadConfig({ ...good, UPSTREAMS_FILE: file, [name]: value }));
  expect(warnings.filter((each) => each.startsWith(`${name} has no effect`))).toHaveLength(count);
});
