// Secrets as editors, `echo` and secret stores write them: trimmed or rejected equally in every form.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigError, loadConfig, type Config } from "../../src/config/config.ts";
import { SETTINGS } from "../../src/config/settings.ts";

const KEY = Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64url");
const OTHER_KEY = Buffer.from("ABCDEF0123456789abcdef0123456789").toString("base64url");
const SECRET = "a-secret-of-enough-length";
const good: Record<string, string> = {
  OIDC_ISSUER: "http://localhost:8080/realms/demo",
  OIDC_CLIENT_ID: "cloakroom",
  OIDC_CLIENT_SECRET: SECRET,
  SECRET_KEYS: KEY,
};
const folder = mkdtempSync(join(tmpdir(), "cloakroom-secrets-"));
const fileOf = (content: string | Buffer): string => {
  const file = join(mkdtempSync(join(folder, "one-")), "secret");
  writeFileSync(file, content);
  return file;
};

function load(change: Record<string, string>, without: string[] = []): Config | readonly string[] {
  const env = Object.fromEntries(Object.entries({ ...good, ...change }).filter(([name]) => !without.includes(name)));
  try {
    return loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

/** Every place that takes a secret: how it is given, and what the gateway makes of it. */
type Place = {
  name: string;
  value: string;
  load: (text: string) => Config | readonly string[];
  read: (c: Config) => unknown;
};
const inBothForms = (
  setting: string,
  value: string,
  read: Place["read"],
  extra: Record<string, string> = {},
): Place[] => [
  { name: setting, value, read, load: (text) => load({ ...extra, [setting]: text }) },
  {
    name: `${setting}_FILE`,
    value,
    read,
    load: (text) => load({ ...extra, [`${setting}_FILE`]: fileOf(text) }, [setting]),
  },
];
const rowWith =
  (header: (text: string) => unknown): Place["load"] =>
  (text) =>
    load({
      UPSTREAMS_FILE: fileOf(
        JSON.stringify([{ prefix: "/api", baseUrl: "http://a", headers: { "x-key": header(text) } }]),
      ),
    });
const keyHeader: Place["read"] = ({ upstreams }) => upstreams[0]?.headers.get("x-key");
const keysOf: Place["read"] = ({ secretKeys }) =>
  secretKeys.map((key) => Buffer.from(key).toString("base64url")).join();
const places: Place[] = [
  ...inBothForms("OIDC_CLIENT_SECRET", SECRET, ({ provider }) => provider.clientSecret),
  ...inBothForms("KEYCLOAK_ADMIN_CLIENT_SECRET", SECRET, ({ keycloakAdmin }) => keycloakAdmin?.clientSecret, {
    KEYCLOAK_ADMIN_CLIENT_ID: "admin-client",
  }),
  ...inBothForms("REDIS_URL", "redis://:p@redis:6379", ({ redisUrl }) => redisUrl),
  ...inBothForms("REDIS_SENTINEL_PASSWORD", SECRET, ({ redisAccess }) => redisAccess.sentinelPassword, {
    REDIS_URL: "redis+sentinel://redis:26379/main",
  }),
  ...inBothForms("SECRET_KEYS", `${KEY},${OTHER_KEY}`, keysOf),
  { name: "headers.x-key", value: SECRET, load: rowWith((text) => text), read: keyHeader },
  { name: "headers.x-key", value: SECRET, load: rowWith((text) => ({ file: fileOf(text) })), read: keyHeader },
];

describe.each(places)("$name", ({ name, value, load: loadPlace, read }) => {
  test.each([
    ["unchanged", value],
    ["without a line end", `${value}\n`],
    ["without a Windows line end", `${value}\r\n`],
    ["without several line ends", `${value}\n\n`],
    ["without white space around", `  ${value}\t`],
    ["without a line end before", `\n${value}`],
    ["without a byte order mark", `\ufeff${value}`],
    ["without a byte order mark and a line end", `\ufeff${value}\r\n`],
    ["without no-break spaces around", `\u00a0${value}\u00a0`],
  ])("a secret is read %s", (_name, text) => {
    const config = loadPlace(text);
    expect(Array.isArray(config) ? config : read(config as Config)).toBe(value);
  });

  test.each([
    ["only white space", "  \t "],
    ["only a line end", "\n"],
    ["only a byte order mark", "\ufeff"],
  ])("a secret with %s is rejected", (_name, text) => {
    const faults = loadPlace(text);
    expect(faults).toEqual([
      expect.stringMatching(`${name.replace(".", "\\.")} (is only blanks|names a file that is empty)\\. Write`),
    ]);
  });

  test.each([
    ["a line end inside", `${value.slice(0, 9)}\n${value.slice(9)}`],
    ["a second line", `${value}\nsecond-line`],
    ["a NUL byte", `${value}\0`],
    ["a NUL byte inside", `${value.slice(0, 9)}\0${value.slice(9)}`],
    ["an escape character", `${value}\u001b[0m`],
  ])("a secret with %s is rejected, and the message does not contain it", (_name, text) => {
    const faults = loadPlace(text) as readonly string[];
    expect(faults).toEqual([expect.stringMatching(`${name.replace(".", "\\.")} .*control character`)]);
    expect(faults.join()).not.toContain(value.slice(0, 9));
  });
});

describe("a secret file is rejected if it", () => {
  const folderPath = join(folder, "a-folder");
  mkdirSync(folderPath);
  test.each<[name: string, path: () => string, sentence: RegExp]>([
    ["does not exist", () => "/nowhere", /cannot be read \(ENOENT\)\. Mount it or correct the path\.$/],
    ["is below a file", () => `${fileOf("x")}/y`, /cannot be read \(ENOTDIR\)\. Mount it/],
    ["is a folder", () => folderPath, /names a folder, not a file\. Name the file in it\.$/],
    ["is empty", () => fileOf(""), /names a file that is empty\. Write the value into it\.$/],
    ["is a device without content", () => "/dev/null", /names a file that is empty/],
    [
      "is UTF-16, as PowerShell writes it",
      () => fileOf(Buffer.from(`\ufeff${SECRET}`, "utf16le")),
      /not UTF-8 text\. Save/,
    ],
    ["is binary", () => fileOf(Buffer.from([0x80, 0xff, 0x00])), /not UTF-8 text/],
    ["is huge", () => fileOf(Buffer.alloc(5 * 1024 * 1024, 0x61)), /larger than 4 MB/],
  ])("a secret file is rejected if it %s", (_name, path, sentence) => {
    const faults = load({ OIDC_CLIENT_SECRET_FILE: path() }, ["OIDC_CLIENT_SECRET"]) as readonly string[];
    expect(faults).toEqual([expect.stringMatching(/^OIDC_CLIENT_SECRET_FILE /)]);
    expect(faults[0]).toMatch(sentence);
  });

  test("an upstreams file is read by the same rules", () => {
    expect(load({ UPSTREAMS_FILE: folderPath })).toEqual([expect.stringMatching(/^UPSTREAMS_FILE names a folder/)]);
    const withMark = fileOf(`\ufeff${JSON.stringify([{ prefix: "/api", baseUrl: "http://a" }])}\r\n`);
    expect(load({ UPSTREAMS_FILE: withMark })).toMatchObject({ upstreams: [{ prefix: "/api" }] });
  });

  test("an empty NAME_FILE is unset, and white space around the path is ignored", () => {
    expect(load({ OIDC_CLIENT_SECRET_FILE: "" })).toMatchObject({ provider: { clientSecret: SECRET } });
    const path = `${fileOf(SECRET)}\n`;
    expect(load({ OIDC_CLIENT_SECRET_FILE: path }, ["OIDC_CLIENT_SECRET"])).toMatchObject({
      provider: { clientSecret: SECRET },
    });
  });
});

test("settings that are not secrets are trimmed too", () => {
  expect(
    load({
      OIDC_CLIENT_ID: "app\n",
      PORT: " 3001 ",
      PUBLIC_ORIGIN: "\ufeffhttps://app.example\r\n",
      OIDC_ISSUER: "https://id.example ",
    }),
  ).toMatchObject({
    provider: { clientId: "app", issuer: "https://id.example" },
    listen: { port: 3001 },
    publicOrigin: "https://app.example",
  });
});

/** A secret that is pasted into another setting, as the whole value, as an entry of its list, and as a part of an entry. */
describe.each(Object.keys(SETTINGS))("a secret in %s", (name) => {
  test.each([KEY, `a, ${KEY}`, `a ${KEY}`, `a=${KEY}`, `script-src ${KEY}`, `camera=(${KEY})`, `max-age=${KEY}`])(
    "is not in a fault (%s)",
    (value) => {
      const faults = load({ [name]: value });
      if (Array.isArray(faults)) expect(faults.join("\n")).not.toContain(KEY);
    },
  );
});

test("a configuration with many faults reports 50 of them and their number", () => {
  const rows = Array.from({ length: 1_000 }, () => ({ prefix: "API" }));
  const faults = load({ UPSTREAMS_FILE: fileOf(JSON.stringify(rows)) }) as readonly string[];
  expect(faults).toHaveLength(51);
  expect(faults.at(-1)).toEqual(expect.stringMatching(/^and \d+ more$/));
});
