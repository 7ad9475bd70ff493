// Where the configuration comes from, and which settings of the plugin it accepts.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  acceptedSettings,
  configurationFile,
  configurationSource,
  embeddedProviderFault,
  referencedVariables,
} from "../src/configuration.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cloakroom-vite-test-"));
});
afterEach(() => rmSync(root, { recursive: true }));

describe("source", () => {
  test("cloakroom.yaml in Vite's root is used if it exists", () => {
    expect(configurationSource(undefined, root)).toEqual({ kind: "environment" });
    writeFileSync(join(root, "cloakroom.yaml"), "");
    expect(configurationSource(undefined, root)).toEqual({ kind: "file", path: join(root, "cloakroom.yaml") });
  });

  test("a named file is used even if it is missing, so that the gateway reports it", () => {
    expect(configurationSource("gateway.yaml", root)).toEqual({ kind: "file", path: join(root, "gateway.yaml") });
  });

  test("a file is named relative to the root in messages", () => {
    const file = (path: string) => configurationFile({ kind: "file", path: join(root, path) }, join(root, "app"), root);
    expect(file("app/cloakroom.yaml")).toBe("cloakroom.yaml");
    expect(file("cloakroom.yaml")).toBe(join(root, "cloakroom.yaml"));
  });

  test("an inline configuration is written for its owner only, with the plugin's settings as references", () => {
    const source = configurationSource({ upstreams: [], provider: { scope: "openid" } }, root);
    const file = configurationFile(source, root, root) ?? "";
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
      origin: "${PUBLIC_ORIGIN}",
      insecureCookies: "${INSECURE_COOKIES:-never}",
      upstreams: [],
      provider: {
        issuer: "${OIDC_ISSUER}",
        clientId: "${OIDC_CLIENT_ID}",
        clientSecret: "${OIDC_CLIENT_SECRET}",
        scope: "openid",
      },
    });
  });

  test("members of an inline configuration take precedence over references", () => {
    const source = configurationSource({ origin: "http://localhost:1", provider: { issuer: "https://id.test" } }, root);
    expect(referencedVariables(source)).toEqual(new Set(["INSECURE_COOKIES", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"]));
  });
});

describe("references", () => {
  const referencesIn = (text: string) => {
    writeFileSync(join(root, "cloakroom.yaml"), text);
    return [...(referencedVariables(configurationSource(undefined, root)) ?? [])];
  };

  test.each([
    ["origin: ${PUBLIC_ORIGIN}", ["PUBLIC_ORIGIN"]],
    ["origin: ${PUBLIC_ORIGIN:-http://localhost:3000}", ["PUBLIC_ORIGIN"]],
    ["origin: ${PUBLIC_ORIGIN:-}", ["PUBLIC_ORIGIN"]],
    ["issuer: ${A}/realms/${B:-b}", ["A", "B"]],
    ["origin: $${PUBLIC_ORIGIN}", []],
    ["origin: $PUBLIC_ORIGIN", []],
    ["", []],
  ])("%s refers to %j", (text, names) => {
    expect(referencesIn(text)).toEqual(names);
  });

  test("beside a file only referenced settings are set, without one all of them", () => {
    const settings = { PUBLIC_ORIGIN: "http://localhost:5173", SPA_ROOT: "/tmp", OIDC_ISSUER: "http://127.0.0.1:4000" };
    expect(acceptedSettings(settings, new Set(["OIDC_ISSUER"]))).toEqual({ OIDC_ISSUER: "http://127.0.0.1:4000" });
    expect(acceptedSettings(settings, undefined)).toEqual(settings);
  });

  test("an embedded provider that the file does not use is an error that names the missing references", () => {
    expect(embeddedProviderFault(undefined, "cloakroom.yaml")).toBeUndefined();
    const all = new Set(["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"]);
    expect(embeddedProviderFault(all, "cloakroom.yaml")).toBeUndefined();
    expect(embeddedProviderFault(new Set(["OIDC_CLIENT_ID"]), "cloakroom.yaml")).toContain(
      "cloakroom.yaml does not contain ${OIDC_ISSUER}, ${OIDC_CLIENT_SECRET}.",
    );
  });
});
