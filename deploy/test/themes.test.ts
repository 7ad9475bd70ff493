// Keycloak's themes: found by realm and image, and with the app's colours only.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { REALM_FILE, THEMES_FOLDER } from "@cloakroom/testkit/keycloak/realm.ts";

const root = join(import.meta.dirname, "..", "..");
const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8");
const realm = JSON.parse(readFileSync(REALM_FILE, "utf8")) as Record<string, string>;

/** Custom properties of one CSS rule by name. */
function tokensOf(css: string, rule: RegExp): Record<string, string> {
  const [, body = ""] = rule.exec(css) ?? [];
  return Object.fromEntries(
    [...body.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [name!, value!.replace(/\s+/g, " ").trim()]),
  );
}

const app = read("spa", "src", "styles", "tokens.css");
const APP = {
  light: tokensOf(app, /^:root \{([^}]+)\}/m),
  dark: tokensOf(app, /@media \(prefers-color-scheme: dark\) \{\s*:root \{([^}]+)\}/),
};

describe.each(["login", "account"])("the %s theme", (kind) => {
  const folder = join(THEMES_FOLDER, realm[`${kind}Theme`] ?? "", kind);
  const css = readFileSync(join(folder, "resources", "css", "cloakroom.css"), "utf8");

  it("the theme exists in the folder that the realm names", () => {
    expect(existsSync(join(folder, "theme.properties"))).toBe(true);
  });

  it("the theme has the app's colours and fonts in light and dark mode", () => {
    const light = tokensOf(css, /^:root \{([^}]+)\}/m);
    const dark = tokensOf(css, /^:root\.pf-v5-theme-dark \{([^}]+)\}/m);
    const { ticket, ground, display } = light;
    expect([ticket, ground, display].every((value) => value !== undefined)).toBe(true);
    for (const [name, value] of Object.entries(light))
      if (!name.startsWith("keycloak")) expect([name, value]).toEqual([name, APP.light[name]]);
    for (const [name, value] of Object.entries(dark)) expect([name, value]).toEqual([name, APP.dark[name]]);
    expect(Object.keys(dark).length).toBeGreaterThan(8);
  });

  it("the theme contains no other colour except the white border around the QR code", () => {
    const rules = css.replace(/^:root[^{]*\{[^}]+\}/gm, "").replace("border: 0.5rem solid #fff;", "");
    expect(rules.match(/#[\da-f]{3,8}\b|rgb\(|hsl\(/gi)).toBeNull();
  });

  it("the theme loads no external resources", () => {
    expect(css).not.toMatch(/@import|url\("?(https?:)?\/\//);
  });
});

it("the Keycloak image contains the themes", () => {
  expect(read("deploy", "keycloak", "Dockerfile")).toContain("COPY --chown=1000:0 themes /opt/keycloak/themes");
});
