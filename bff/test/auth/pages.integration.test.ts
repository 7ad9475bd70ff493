// The gateway's pages through a running gateway: language, headers, custom templates.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

const folder = mkdtempSync(join(tmpdir(), "cloakroom-pages-"));
writeFileSync(
  join(folder, "error.html"),
  '<html lang="{{lang}}" dir="{{dir}}"><style>p{}</style><h1>Laden: {{title}}</h1>{{sentence}}{{#links}}<a href="{{href}}">{{text}}</a>{{/links}}{{requestId}}',
);

let system: TestSystem;
let own: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
  own = await startTestSystem({ env: { ERROR_PAGES: folder } });
});
afterAll(async () => {
  await system.stop();
  await own.stop();
});

const ISSUER = () => encodeURIComponent(system.provider.issuer);
const FROM_ELSEWHERE = { "sec-fetch-site": "cross-site" };

describe("pages of the gateway", () => {
  it.each<[string, () => string, Record<string, string>, [number, string]]>([
    ["a failed callback", () => "/bff/callback?state=x&code=y", {}, [400, "Die Anmeldung wurde nicht abgeschlossen"]],
    [
      "a wrong link",
      () => "/bff/login?iss=https://other.test",
      {},
      [400, "Dieser Link gehört zu einem anderen Anmeldedienst"],
    ],
    ["a repeated login", () => `/bff/login?iss=${ISSUER()}`, FROM_ELSEWHERE, [200, "Einen Moment"]],
    [
      "a confirmation",
      () => `/bff/login?iss=${ISSUER()}&repeated=1`,
      FROM_ELSEWHERE,
      [200, "Möchten Sie sich anmelden?"],
    ],
  ])("pages of the gateway are German for a German browser: %s", async (_what, path, headers, [status, title]) => {
    const response = await system.browser().navigate(path(), { ...headers, "accept-language": "de-AT,de;q=0.9" });
    const html = await response.text();
    expect([response.status, /<h1>(.*)<\/h1>/.exec(html)?.[1]]).toEqual([status, title]);
    expect(html).toContain('<html lang="de" dir="ltr">');
    expect(response.headers.get("content-language")).toBe("de");
    expect(response.headers.get("vary")).toBe("Accept-Language");
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; base-uri/,
    );
  });

  it("the page of a logout is German for a German browser", async () => {
    const browser = system.browser();
    await browser.login();
    const response = await browser.fetch("/bff/logout", {
      method: "POST",
      headers: { accept: "text/html", "accept-language": "de", origin: system.gateway.config.publicOrigin },
    });
    expect(await response.text()).toContain("<h1>Sie werden abgemeldet</h1>");
    expect(response.headers.get("content-language")).toBe("de");
  });

  it("ui_locales of a login decides the language of its pages", async () => {
    const path = `/bff/login?iss=https://other.test&ui_locales=${encodeURIComponent("fr de")}`;
    const response = await system.browser().navigate(path, { "accept-language": "en" });
    expect(response.headers.get("content-language")).toBe("de");
  });

  it("problem responses stay English", async () => {
    const response = await system.browser().fetch("/bff/sessions", { headers: { "accept-language": "de" } });
    expect(await response.json()).toMatchObject({ title: "Unauthorized", detail: "You are not logged in." });
    expect(response.headers.get("content-language")).toBeNull();
  });

  it("a custom template is sent with a policy that allows its style", async () => {
    const response = await own.browser().navigate("/bff/callback?state=x&code=y", { "accept-language": "de" });
    expect(await response.text()).toContain("<h1>Laden: Die Anmeldung wurde nicht abgeschlossen</h1>");
    expect(response.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'self' 'sha256-[^']+' 'sha256-[^']+'; img-src 'self'; font-src 'self'; base-uri 'none'/,
    );
  });
});
