// Which files Vite's server must not send, and the patterns that match them.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isFileLoadingAllowed, resolveConfig } from "vite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configurationSource } from "../src/configuration.ts";
import { defaultDenyPatterns, denyPatterns, privateFiles } from "../src/private-files.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(realpathSync(tmpdir()), "cloakroom-vite-test-"));
});
afterEach(() => rmSync(root, { recursive: true }));

test.each<[string, string]>([
  ["clientSecret: { file: secrets/a }", "secrets/a"],
  ["clientSecret: file:secrets/a", "secrets/a"],
  ['clientSecret: "file:secrets/a"', "secrets/a"],
  ['  - file: "secrets/with space"', "secrets/with space"],
  ["  - file: 'secrets/a' # comment", "secrets/a"],
  ["  clientKeyFile: ./keys/client.jwk", "keys/client.jwk"],
  ['{"provider":{"clientAssertionFile":"jwt"}}', "jwt"],
  ["  keyFile: ../outside.key", "../outside.key"],
  ["  clientSecret:\n    file: secrets/a\n", "secrets/a"],
  ["clientSecret: { file: '${FOLDER}/a' }", "of-env/a"],
  ["clientSecret: { file: ${FOLDER}/a }", "of-env/a"],
  ["clientSecret: file:${UNSET:-secrets}/a", "secrets/a"],
  ["clientSecret: { file: secrets/a } # file: src/main.ts\n# file: index.html", "secrets/a"],
])("the configuration %s names the private file %s", (text, file) => {
  writeFileSync(join(root, "cloakroom.yaml"), text);
  const source = configurationSource(undefined, root);
  const env = { FOLDER: "of-env" };
  expect(privateFiles(source, root, env)).toEqual([join(root, "cloakroom.yaml"), join(root, file)]);
});

test("files of the gateway's variables and of an inline configuration are private, those of other variables are not", () => {
  const inline = configurationSource({ provider: { clientSecret: { file: join(root, "a") } } }, root);
  const env = {
    SECRET_KEYS_FILE: "keys",
    OIDC_CLIENT_SECRET_FILE: "/run/b",
    REDIS_URL_FILE: "",
    ENTRY_FILE: "main.ts",
  };
  expect(privateFiles(inline, root, env)).toEqual([join(root, "a"), join(root, "keys"), "/run/b"]);
  expect(privateFiles(configurationSource(undefined, root), root, {})).toEqual([]);
});

test.each(["a", "(a)", "[id]", "a{b,c}", "a*", "!a", "a+(b)", "a b"])(
  "Vite rejects a private file of the folder %s and no other file",
  async (folder) => {
    const path = (name: string) => join(root, folder, name);
    const deny = denyPatterns([path("cloakroom.yaml")]);
    const config = await resolveConfig({ root, configFile: false, server: { fs: { deny } } }, "serve");
    expect(isFileLoadingAllowed(config, path("cloakroom.yaml"))).toBe(false);
    for (const other of [join(root, "x/cloakroom.yaml"), path("x"), path("src/cloakroom.yaml")])
      expect(isFileLoadingAllowed(config, other)).toBe(true);
  },
);

test("a file behind a symbolic link has patterns for both paths", () => {
  mkdirSync(join(root, "real"));
  writeFileSync(join(root, "real/key"), "");
  symlinkSync(join(root, "real"), join(root, "link"));
  expect(denyPatterns([join(root, "link/key")])).toEqual([join(root, "link/key"), join(root, "real/key")]);
});

test("Vite's own patterns are known", async () => {
  expect(await defaultDenyPatterns("development")).toEqual(expect.arrayContaining([".env", ".env.*"]));
});
