// The JSON Schema of cloakroom.yaml: up to date, and accepts what the gateway accepts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { configSchema, SCHEMA_FILE } from "../../../scripts/config-schema.ts";
import { SETTINGS, type Setting } from "../../../src/config/settings.ts";
import { MINIMAL } from "./config-files.ts";

const root = join(import.meta.dirname, "../../../..");
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
addFormats.default(ajv);
const validate = ajv.compile(JSON.parse(readFileSync(SCHEMA_FILE, "utf8")) as object);
const isValid = (text: string): boolean => validate(parse(text));

describe("the JSON Schema of the configuration file", () => {
  it("the committed schema is the generated one (npm run docs:tables writes it)", () => {
    expect(JSON.parse(readFileSync(SCHEMA_FILE, "utf8"))).toEqual(JSON.parse(JSON.stringify(configSchema())));
  });

  it("every setting has its meaning", () => {
    const text = JSON.stringify(configSchema());
    for (const { meaning } of Object.values<Setting>(SETTINGS))
      expect(text).toContain(JSON.stringify(meaning).slice(1, -1));
  });

  it.each(["deploy/config/cloakroom.yaml", "deploy/config/several-apps.yaml"])("%s is valid", (file) => {
    expect(isValid(readFileSync(join(root, file), "utf8")), JSON.stringify(validate.errors)).toBe(true);
  });

  it("the example of the guide is valid", () => {
    const guide = readFileSync(join(root, "docs/guides/configuration-file.md"), "utf8");
    expect(isValid(/```yaml\n([\s\S]*?)```/.exec(guide)?.[1] ?? "")).toBe(true);
  });

  it.each([
    "workers: ${WORKERS}",
    "silentLogin: true",
    "trustedProxies: [10.0.0.0/8]",
    "upstreams: [{ prefix: /api, baseUrl: [http://a, http://b] }]",
    "session:",
    'postLogoutPath: "${PATH_AFTER}"',
    "log: { level: file:level.txt }",
    "contentSecurityPolicy: { additions: { img-src: https://a.example, style-src: ['unsafe-inline'] } }",
    "contentSecurityPolicy: { allow: [unsafe-eval], reportOnly: true, reports: false, trustedTypes: [react] }",
    "headers: { permissionsPolicy: { camera: [self], usb: [] }, strictTransportSecurity: { maxAgeSeconds: 600 } }",
  ])("%s is accepted", (line) => {
    expect(isValid(`${MINIMAL}${line}\n`), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each([
    "wrkers: 2",
    "workers: many",
    "log: { level: verbose }",
    "upstreams: [{ prefix: /api, baseUrl: http://a, acess: public }]",
    "upstreams: [{ prefix: /api }]",
    "applications: []",
    "applications: [{ workers: 2 }]",
    "contentSecurityPolicy: { additions: { scripts-src: [https://a.example] } }",
    "headers: { permissionsPolicy: { cammera: [self] } }",
    "headers: { strictTransportSecurity: { maxAgeSeconds: 600, subDomains: true } }",
  ])("%s is rejected", (line) => {
    expect(isValid(`${MINIMAL}${line}\n`)).toBe(false);
  });
});
