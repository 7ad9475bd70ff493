// Unknown settings and upstream keys: misspelt names prevent startup, variables of other programs do not.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError, loadConfig } from "../../src/config/config.ts";
import { parseUpstreams } from "../../src/config/upstreams.ts";
import { UPSTREAM_ROW } from "../../src/config/upstream-row.ts";

const good = {
  OIDC_ISSUER: "http://localhost:8080/realms/demo",
  OIDC_CLIENT_ID: "cloakroom",
  OIDC_CLIENT_SECRET: "a-secret-of-enough-length",
  SECRET_KEYS: Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64url"),
};

function start(env: Record<string, string>): { faults: readonly string[]; warnings: readonly string[] } {
  try {
    return { faults: [], warnings: loadConfig({ ...good, ...env }).warnings };
  } catch (error) {
    if (error instanceof ConfigError) return { faults: error.faults, warnings: [] };
    throw error;
  }
}

describe("a misspelt setting prevents startup with the closest name", () => {
  test.each([
    ["SESSION_IDLE_SECOND", "SESSION_IDLE_SECONDS"],
    ["SESSIONS_IDLE_SECONDS", "SESSION_IDLE_SECONDS"],
    ["SESSION_IDEL_SECONDS", "SESSION_IDLE_SECONDS"],
    ["SESSION_IDLE_SECS", "SESSION_IDLE_SECONDS"],
    ["SESSION_MAX_SECOND", "SESSION_MAX_SECONDS"],
    ["SESION_MAX_SECONDS", "SESSION_MAX_SECONDS"],
    ["SESSION_PER_USER", "SESSIONS_PER_USER"],
    ["OIDC_CLIENT_SECERT", "OIDC_CLIENT_SECRET"],
    ["OIDC_CLIENT_SECERT_FILE", "OIDC_CLIENT_SECRET_FILE"],
    ["OICD_CLIENT_ID", "OIDC_CLIENT_ID"],
    ["OIDC_CLIENTID", "OIDC_CLIENT_ID"],
    ["OIDC_SCOPES", "OIDC_SCOPE"],
    ["OIDC-ISSUER", "OIDC_ISSUER"],
    ["oidc_issuer", "OIDC_ISSUER"],
    ["OidcIssuer", "OIDC_ISSUER"],
    ["REDIS_URLS", "REDIS_URL"],
    ["REDIS_URI", "REDIS_URL"],
    ["REIDS_URL", "REDIS_URL"],
    ["REDISURL", "REDIS_URL"],
    ["REDIS_URI_FILE", "REDIS_URL_FILE"],
    ["REDIS_TIMEOUT", "REDIS_TIMEOUT_MS"],
    ["UPSTREAM", "UPSTREAMS"],
    ["UPSTREAM_FILE", "UPSTREAMS_FILE"],
    ["SECRET_KEY", "SECRET_KEYS"],
    ["SECRETS_KEYS_FILE", "SECRET_KEYS_FILE"],
    ["PUBLIC_ORIGN", "PUBLIC_ORIGIN"],
    ["PUBLIC_ORIGINS", "PUBLIC_ORIGIN"],
    ["TRUSTED_PROXYS", "TRUSTED_PROXIES"],
    ["MAX_CONNECTION", "MAX_CONNECTIONS"],
    ["MAX_WAITING_REQUEST", "MAX_WAITING_REQUESTS"],
    ["MANAGMENT_PORT", "MANAGEMENT_PORT"],
    ["KEYCLOAK_ADMIN_CLIENTID", "KEYCLOAK_ADMIN_CLIENT_ID"],
    ["POST_LOGOUT_PATHS", "POST_LOGOUT_PATH"],
    ["LOG_LEVLE", "LOG_LEVEL"],
    ["LOGLEVEL", "LOG_LEVEL"],
    ["WORKER", "WORKERS"],
    ["SPA_ROOTS", "SPA_ROOT"],
  ])("the misspelt setting %s is rejected with the suggestion %s", (name, meant) => {
    const { faults } = start({ [name]: "a-canary-value" });
    expect(faults).toEqual([`${name} is not a setting. Did you mean ${meant}? Correct the name, or remove it.`]);
  });

  test.each([
    ["OIDC_REDIRECT_URI", /^OIDC_REDIRECT_URI is not a setting; the nearest is OIDC_\w+\. Correct the name, or remove/],
    ["OIDC_RP_CLIENT_ID", /the nearest is OIDC_CLIENT_ID\./],
    ["OIDC_ISSUER_URL", /the nearest is OIDC_ISSUER\./],
    ["SESSION_TTL", /^SESSION_TTL is not a setting; the nearest is SESSION/],
    ["SESSION_TIMEOUT_MINUTES", /^SESSION_TIMEOUT_MINUTES is not a setting/],
    ["UPSTREAM_TIMEOUT", /^UPSTREAM_TIMEOUT is not a setting/],
    ["TRUSTED_PROXY_CIDRS", /^TRUSTED_PROXY_CIDRS is not a setting/],
    ["SECRET_KEYS_OLD", /^SECRET_KEYS_OLD is not a setting/],
    ["KEYCLOAK_ADMIN_CLIENT_NAME", /^KEYCLOAK_ADMIN_CLIENT_NAME is not a setting/],
    [
      "OIDC_CLIENT_ID_FILE",
      /^OIDC_CLIENT_ID_FILE is not a setting: only secrets are read from files \(OIDC_CLIENT_SEC/,
    ],
    ["PUBLIC_ORIGIN_FILE", /Set PUBLIC_ORIGIN itself\.$/],
    ["UPSTREAMS_FILE_FILE", /Set UPSTREAMS_FILE itself\.$/],
  ])("%s, of a family of the gateway's own, prevents startup", (name, sentence) => {
    const { faults } = start({ [name]: "a-canary-value" });
    expect(faults).toEqual([expect.stringMatching(sentence)]);
    expect(faults.join()).not.toContain("a-canary-value");
  });

  test("misspelt settings are reported with all other errors in one message", () => {
    const { faults } = start({ SESSION_IDLE_SECOND: "5", REDIS_URLS: "x", PORT: "y" });
    expect(faults).toHaveLength(3);
  });
});

describe("a variable of another program does not prevent startup", () => {
  test.each<[name: string, value: string]>([
    // Kubernetes Services named redis, api, upstreams, oidc, session.
    ["REDIS_PORT", "tcp://10.96.0.12:6379"],
    ["REDIS_PORT_6379_TCP", "tcp://10.96.0.12:6379"],
    ["REDIS_PORT_6379_TCP_ADDR", "10.96.0.12"],
    ["REDIS_PORT_6379_TCP_PORT", "6379"],
    ["REDIS_PORT_6379_TCP_PROTO", "tcp"],
    ["REDIS_SERVICE_HOST", "10.96.0.12"],
    ["REDIS_SERVICE_PORT", "6379"],
    ["REDIS_SERVICE_PORT_TCP_REDIS", "6379"],
    ["API_PORT", "8000"],
    ["API_SERVICE_HOST", "10.96.0.13"],
    ["UPSTREAMS_SERVICE_HOST", "10.96.0.14"],
    ["UPSTREAM_PORT", "tcp://10.96.0.14:8000"],
    ["UPSTREAM_PORT_8000_TCP_ADDR", "10.96.0.14"],
    ["OIDC_SERVICE_PORT_HTTPS", "443"],
    ["OIDC_PORT_443_TCP", "tcp://10.96.0.15:443"],
    ["SESSION_SERVICE_HOST", "10.96.0.16"],
    ["DNS_PORT_53_UDP_ADDR", "10.96.0.10"],
    // Docker links.
    ["REDIS_NAME", "/gateway/redis"],
    ["REDIS_ENV_REDIS_VERSION", "7.4.1"],
    // Shells, desktops, Windows, CI, other programs.
    ["HOSTNAME", "gateway-7d9f"],
    ["HOSTTYPE", "x86_64"],
    ["SESSION_MANAGER", "local/desk:@/tmp/.ICE-unix/1"],
    ["SESSIONNAME", "Console"],
    ["XDG_SESSION_ID", "3"],
    ["SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22"],
    ["POST", "x"],
    ["COST", "1"],
    ["HOSTS", "a,b"],
    ["PORTS", "1,2"],
    ["host", "x"],
    ["NODE_ENV", "test"],
    ["NODE_OPTIONS", "--max-old-space-size=512"],
    ["APP_ROOT", "/srv"],
    ["WEB_ROOT", "/srv"],
    ["PUBLIC_URL", "https://app.example"],
    ["ACCOUNT_ID", "123"],
    ["KEYCLOAK_ADMIN", "admin"],
    ["KEYCLOAK_ADMIN_PASSWORD", "admin"],
    ["KC_BOOTSTRAP_ADMIN_USERNAME", "admin"],
    ["MAX_MEMORY", "1g"],
    ["AWS_SECRET_ACCESS_KEY", "x"],
    ["HTTPS_PROXY", "http://proxy:3128"],
    ["NO_PROXY", "localhost"],
    ["LOG_FORMAT", "json"],
    ["TZ", "UTC"],
    ["PORTAL", "x"],
    ["MAX_OLD_SPACE", "512"],
    ["ACCOUNT_UID", "1000"],
    ["SECRET_KEY_BASE", "x"],
    // Settings of another program with one word more.
    ["DB_MAX_CONNECTIONS", "10"],
    ["MAX_DB_CONNECTIONS", "10"],
    ["PG_MAX_CONNECTIONS", "10"],
    ["X_LOG_LEVEL", "debug"],
    ["ACCOUNT_ID_URL", "https://id.test"],
    // Empty means unset.
    ["SESSION_IDLE_SECOND", ""],
  ])("the variable %s=%s is ignored", (name, value) => {
    expect(start({ [name]: value })).toEqual({ faults: [], warnings: [] });
  });

  test.each([
    "REDIS_HOST",
    "REDIS_PASSWORD",
    "REDIS_DB",
    "MANAGEMENT_TOKEN",
    "UPSTREAM_PROXY",
    "UPSTREAM_HOST",
    "SESSION_SECRET",
    "SESSION_DRIVER",
    "SESSION_ID",
  ])("an unknown variable %s is a warning and does not prevent startup", (name) => {
    const { faults, warnings } = start({ [name]: "a-canary-value" });
    expect(faults).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(`^${name} is not a setting and has no effect; the nearest is `)]);
  });
});

describe("an unknown key of an upstream row is reported with the closest key", () => {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-rows-"));
  const faultsOf = (row: object): string[] => {
    const file = join(folder, "upstreams.json");
    writeFileSync(file, JSON.stringify([row]));
    return parseUpstreams(undefined, file).faults;
  };

  test.each([
    ["tokn", "token"],
    ["Token", "token"],
    ["baseURL", "baseUrl"],
    ["base_url", "baseUrl"],
    ["method", "methods"],
    ["requiredRole", "requiredRoles"],
    ["requiredScope", "requiredScopes"],
    ["header", "headers"],
    ["connectTimeout", "connectTimeoutMs"],
    ["headerTimeoutMs", "headersTimeoutMs"],
    ["maxBodyByte", "maxBodyBytes"],
    ["websocket", "webSocket"],
    ["webSockets", "webSocket"],
    ["serverNames", "serverName"],
    ["cafile", "caFile"],
    ["audiences", "audience"],
  ])("the unknown key %s is rejected with the suggestion %s", (key, meant) => {
    const faults = faultsOf({ prefix: "/api", baseUrl: "http://a", [key]: "x" });
    expect(faults).toEqual([
      expect.stringMatching(
        `^UPSTREAMS_FILE row 1 \\(/api\\): ${key} is not known\\. Did you mean ${meant}\\? Known are `,
      ),
    ]);
  });

  test("each unknown key has a sentence of its own, with a suggestion only for a close name", () => {
    const faults = faultsOf({ prefix: "/api", baseUrl: "http://a", tokn: "x", comment: "y" });
    expect(faults).toHaveLength(2);
    expect(faults[1]).toContain(`comment is not known. Known are ${Object.keys(UPSTREAM_ROW.shape).join(", ")}`);
  });
});
