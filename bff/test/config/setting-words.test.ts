// Sentences at run time name settings as the operator configured them: by variables, or by places in cloakroom.yaml.
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { SETTINGS, type SettingName } from "../../src/config/settings.ts";
import { mountedWords, settingWords } from "../../src/config/setting-words.ts";
import { createSuggestions } from "../../src/http/csp-suggestions.ts";
import { createLog } from "../../src/logging/log.ts";
import { createReadiness } from "../../src/management/readiness.ts";
import { GatewayError } from "../../src/errors.ts";
import { load, MINIMAL } from "./file/config-files.ts";

const FILE = { CLOAKROOM_CONFIG: "cloakroom.yaml" };
const names = Object.keys(SETTINGS) as SettingName[];

describe("beside a configuration file, a sentence names", () => {
  it.each(names)("%s by its path", (name) => {
    const { path } = SETTINGS[name];
    const { sentence } = settingWords(FILE);
    expect(sentence(`${name} cannot be reached`)).toBe(`${path} cannot be reached`);
    expect(sentence(`Correct ${name}, or set ${name}=off.`)).toBe(`Correct ${path}, or set ${path}: off.`);
    expect(sentence(sentence(`the user of ${name}`))).toBe(`the user of ${path}`);
  });

  it.each([
    ["a secret in a file", "Set ADMIN_TOKEN or ADMIN_TOKEN_FILE", "Set management.adminToken"],
    ["the file of a secret", "ADMIN_TOKEN_FILE cannot be read", "management.adminToken cannot be read"],
    ["several settings", "OIDC_PAR or OIDC_SCOPE", `${SETTINGS.OIDC_PAR.path} or provider.scope`],
    ["a cure", "Unset OIDC_TENANTS. Correct or unset it", "Unset provider.tenants. Correct or remove it"],
    ["no setting: a header", "DISGUISED-HOST and X-PORT and PORT-X", "DISGUISED-HOST and X-PORT and PORT-X"],
    ["no setting: a longer name", "MY_PORT and PORTAL and NODE_ENV", "MY_PORT and PORTAL and NODE_ENV"],
  ])("%s", (_what, written, expected) => {
    expect(settingWords(FILE).sentence(written)).toBe(expected);
  });

  it("a setting of the process by its variable while the environment overrides the file", () => {
    const { sentence } = settingWords({ ...FILE, REDIS_URL: "redis://x", ADMIN_TOKEN_FILE: "/run/token" });
    expect(sentence("REDIS_URL, ADMIN_TOKEN_FILE and PORT")).toBe("REDIS_URL, ADMIN_TOKEN_FILE and listen.port");
  });
});

it("without a configuration file, a sentence names settings by their variables", () => {
  const written = "Correct OIDC_ISSUER, or set OIDC_PAR=off";
  expect(settingWords({}).sentence(written)).toBe(written);
  expect(mountedWords({ kind: "environment" }).sentence(written)).toBe(written);
});

it("a mounted gateway with an object or a file names paths, whatever the host's environment has", () => {
  for (const kind of ["object", "file"] as const)
    expect(mountedWords({ kind }).sentence("PORT and OIDC_ISSUER")).toBe("listen.port and provider.issuer");
});

describe("a path of the file is in", () => {
  const words = settingWords(FILE);
  const written = (write: (log: ReturnType<typeof createLog>) => void): string => {
    const lines: string[] = [];
    write(createLog("debug", { destination: { write: (line: string) => void lines.push(line) }, words }));
    return lines.join("");
  };
  const request = { requestId: "1", method: "GET", path: "/PORT", status: 503, durationMs: 1, clientAddress: "::1" };

  it.each<[where: string, write: (log: ReturnType<typeof createLog>) => void]>([
    ["a debug line", (log) => log.debug("page of SPA_URL loaded")],
    ["an info line", (log) => log.info("page of SPA_URL loaded")],
    ["a warning", (log) => log.warn("page of SPA_URL cannot be loaded")],
    ["an error", (log) => log.error("SPA_URL cannot be loaded")],
    ["the reason of a line", (log) => log.warn("cannot", { reason: "SPA_URL cannot be loaded" })],
    ["the reason of a security event", (log) => log.security("login_failed", { reason: "see SPA_URL" })],
    ["an error with causes", (log) => log.error("x", { error: new GatewayError("internal", { reason: "SPA_URL" }) })],
    [
      "a request line",
      (log) => log.request({ ...request, upstream: undefined, code: "overloaded", reason: "SPA_URL is reached" }),
    ],
    ["the log of one application", (log) => (log as ReturnType<typeof createLog>).of("a", () => true).warn("SPA_URL")],
  ])("%s", (_where, write) => {
    expect(written(write)).toContain("pages.url");
    expect(written(write)).not.toContain("SPA_URL");
  });

  it("a request line, but not in what the browser has sent", () => {
    const line = written((log) => log.request({ ...request, upstream: undefined, code: undefined, reason: "PORT" }));
    expect(JSON.parse(line)).toMatchObject({ path: "/PORT", reason: "listen.port" });
  });

  it("the details of /readyz", async () => {
    const check = async () => ({ status: "degraded" as const, detail: "OIDC_ISSUER cannot be reached" });
    const readiness = createReadiness({
      ...{ checks: () => [{ name: "provider", check }], isDraining: () => false, words },
    });
    expect((await readiness()).checks["provider"]).toEqual({
      ...{ status: "degraded", detail: "provider.issuer cannot be reached" },
    });
  });
});

describe("the setting that a violation suggests, in the file", () => {
  it.each<[directive: string, blocked: string, detail?: string]>([
    ["style-src-elem", "inline"],
    ["font-src", "data"],
    ["img-src", "blob"],
    ["connect-src", "http://127.0.0.1:4318"],
    ["connect-src", "wss://live.example.com:8443"],
    ["script-src-elem", "https://cdn.jsdelivr.net"],
    ["script-src-elem", "inline"],
    ["script-src", "eval"],
    ["script-src", "wasm-eval"],
    ["manifest-src", "self"],
    ["require-trusted-types-for", "sink"],
    ["trusted-types", "policy", "app#html"],
    ["trusted-types", "policy", "true"],
  ])("%s %s has the effect of the variables", (directive, blocked, detail) => {
    const env = {
      ...{ PUBLIC_ORIGIN: "https://shop.example", OIDC_ISSUER: "https://id.example", OIDC_CLIENT_ID: "shop" },
      ...{ OIDC_CLIENT_SECRET: "s3cret-of-the-client", SECRET_KEYS: /secretKeys: (\S+)/.exec(MINIMAL)?.[1] ?? "" },
    };
    const additions =
      "style-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' https://*.a.example; img-src data:";
    const { pagePolicy } = loadConfig({ ...env, CSP_ADDITIONS: additions });
    const violation = { directive, blocked, detail, path: "/", isEnforced: true };
    const suggested = createSuggestions(pagePolicy)(violation);
    if (suggested === undefined) throw new Error("nothing is suggested");
    const { assignments } = settingWords(FILE);
    expect(assignments(suggested)).toMatch(/^contentSecurityPolicy: \{ .* \}$/);
    const [application] = load(`${MINIMAL}${assignments(suggested)}\n`).applications;
    expect(application?.pagePolicy).toEqual(loadConfig({ ...env, ...suggested }).pagePolicy);
  });
});
