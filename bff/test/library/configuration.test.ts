// Configuration of a mounted gateway: an object, a file or environment variables. All faults at once, each with its path.
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { TYPES_FILE, typesText } from "../../scripts/config-types.ts";
import { ConfigError, loadMountedConfig } from "../../src/config/config.ts";
import type { Configuration } from "../../src/library.ts";
import { fileWith, KEY, load, MINIMAL, SECRET } from "../config/file/config-files.ts";

const MINIMAL_OBJECT = {
  origin: "https://shop.example",
  provider: { issuer: "https://id.example", clientId: "shop", clientSecret: SECRET },
  secretKeys: KEY,
} satisfies Configuration;

const loadObject = (value: unknown, env: Record<string, string> = {}) =>
  loadMountedConfig({ kind: "object", value, folder: ".", env });

function faultsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

afterEach(() => vi.unstubAllEnvs());

it("the committed types are the generated ones (npm run docs:tables writes them)", () => {
  expect(readFileSync(TYPES_FILE, "utf8")).toBe(typesText());
});

describe("a configuration object", () => {
  it("equals the file of the same shape", () => {
    const more = {
      upstreams: [{ prefix: "/api", baseUrl: "http://orders", requiredRoles: ["clerk"], maxBodyBytes: 1000 }],
      session: { idleSeconds: 600 },
      trustedProxies: ["10.0.0.0/8"],
      silentLogin: true,
      contentSecurityPolicy: { additions: { "img-src": ["https://a.example"] } },
    };
    const yaml = Object.entries(more).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
    expect(loadObject({ ...MINIMAL_OBJECT, ...more }).hash).toBe(load(MINIMAL + yaml.join("")).hash);
  });

  it.each<[string, unknown, RegExp]>([
    ["an unknown key", { ...MINIMAL_OBJECT, orgin: "x" }, /^orgin is not known\. Did you mean origin\?/],
    ["a wrong type", { ...MINIMAL_OBJECT, origin: 1 }, /^origin must be text/],
    ["a rule of the schema", { ...MINIMAL_OBJECT, drainSeconds: -1 }, /^drainSeconds must be a whole number/],
    [
      "a row",
      { ...MINIMAL_OBJECT, upstreams: [{ prefix: "/api", baseUrl: "http://a", acess: "public" }] },
      /^upstreams\[0\]\.acess /,
    ],
    ["a function", { ...MINIMAL_OBJECT, origin: () => "x" }, /^origin must be text, a number/],
    ["a date", { ...MINIMAL_OBJECT, drainSeconds: new Date(0) }, /^drainSeconds must be text, a number/],
    ["NaN", { ...MINIMAL_OBJECT, drainSeconds: Number.NaN }, /^drainSeconds is not a finite number/],
    ["a reference without its variable", { ...MINIMAL_OBJECT, origin: "${ORIGIN}" }, /^origin references \$\{ORIGIN\}/],
    ["text", "origin", /must be a mapping of settings/],
    ["an insecure origin", { ...MINIMAL_OBJECT, origin: "http://shop.example" }, /^origin must be https/],
  ])("%s is a fault with its path", (_what, value, sentence) => {
    const faults = faultsOf(() => loadObject(value));
    expect(
      faults.some((fault) => sentence.test(fault)),
      faults.join("\n"),
    ).toBe(true);
    expect(faults.join("\n")).not.toContain(SECRET);
  });

  it("an object that contains itself is a fault", () => {
    const value: Record<string, unknown> = { ...MINIMAL_OBJECT };
    value["headers"] = { permissionsPolicy: value };
    expect(faultsOf(() => loadObject(value)).join("\n")).toMatch(/nested too deeply/);
  });

  it("a configuration object reports all faults at once", () => {
    expect(faultsOf(() => loadObject({ origin: 1, workers: "x", drainSeconds: 1e9 })).length).toBeGreaterThanOrEqual(5);
  });

  it("a key whose value is undefined is not there", () => {
    expect(loadObject({ ...MINIMAL_OBJECT, redis: undefined, id: undefined }).server.redisUrl).toBeUndefined();
  });

  it("a configuration object ignores the variables of the host, except for references", () => {
    const env = {
      OIDC_ISSUER: "https://other.example",
      PORT: "1",
      OIDC_ISUER: "x",
      SECRET_OF_CLIENT: `${SECRET}-of-env`,
    };
    const provider = { ...MINIMAL_OBJECT.provider, clientSecret: "${SECRET_OF_CLIENT}" };
    const config = loadObject({ ...MINIMAL_OBJECT, provider }, env);
    expect(config.applications[0]?.provider.issuer).toBe("https://id.example");
    expect(config.server.warnings).toEqual([]);
  });

  it.each([
    ["NODE_ENV", "production", /REDIS_URL|redis\.url/],
    ["NODE_TLS_REJECT_UNAUTHORIZED", "0", /NODE_TLS_REJECT_UNAUTHORIZED/],
    ["NODE_DEBUG", "http", /NODE_DEBUG/],
  ])("I7: %s of the process counts, whatever variables the host passes", (name, value, sentence) => {
    vi.stubEnv(name, value);
    expect(faultsOf(() => loadObject(MINIMAL_OBJECT, { NODE_ENV: "test" })).join("\n")).toMatch(sentence);
    expect(faultsOf(() => loadMountedConfig({ kind: "environment", env: {} })).join("\n")).toMatch(sentence);
  });
});

describe("a configuration file", () => {
  it("a configuration file is not overridden by the variables of the host", () => {
    const config = loadMountedConfig({
      kind: "file",
      file: fileWith(MINIMAL),
      env: { LOG_LEVEL: "silent", OIDC_X: "1" },
    });
    expect(config.server.logLevel).toBe("info");
  });

  it("a configuration file reports its faults with their lines", () => {
    const file = fileWith(`${MINIMAL}wrkers: 2\n`);
    expect(faultsOf(() => loadMountedConfig({ kind: "file", file, env: {} }))).toEqual([
      expect.stringMatching(/:7: wrkers is not known/),
    ]);
  });
});

describe("environment variables", () => {
  const env = { PUBLIC_ORIGIN: "https://shop.example", OIDC_ISSUER: "https://id.example", OIDC_CLIENT_ID: "shop" };
  it("are read as by the command line", () => {
    const config = loadMountedConfig({
      kind: "environment",
      env: { ...env, OIDC_CLIENT_SECRET: SECRET, SECRET_KEYS: KEY },
    });
    expect(config.applications[0]?.publicOrigin).toBe("https://shop.example");
    expect(faultsOf(() => loadMountedConfig({ kind: "environment", env: { ...env, OIDC_ISUER: "x" } })).join()).toMatch(
      /OIDC_ISUER/,
    );
  });

  it("do not contain listeners: the host listens", () => {
    const listeners = { PORT: "9000", HOST: "nowhere", MANAGEMENT_PORT: "x" };
    const all = { ...env, ...listeners, OIDC_CLIENT_SECRET: SECRET, SECRET_KEYS: KEY };
    expect(faultsOf(() => loadMountedConfig({ kind: "environment", env: all }))).toEqual([]);
  });
});
