// Parameters of /bff/login: names, values, and those of a third-party-initiated login (OIDC Core 1.0 §4).
import { describe, expect, it } from "vitest";
import { parseLoginParameters } from "../../src/auth/login-parameters.ts";
import { createRouteTable } from "../../src/http/route-table.ts";
import { targetPath } from "../../src/auth/return-path.ts";

const ORIGIN = "https://app.example";
const TARGETS = { publicOrigin: ORIGIN, isPage: createRouteTable([]).isPage };
const ISSUER = "https://id.example/realms/shop";
const parse = (query: string) => parseLoginParameters(query, TARGETS);

describe("names of login parameters", () => {
  it.each([
    "utm_source",
    "utm_campaign",
    "gclid",
    "fbclid",
    "msclkid",
    "mc_eid",
    "ref",
    "domain_hint",
    "audience",
    "__proto__",
  ])("the login parameter %s is ignored and not forwarded, also twice", (name) => {
    const { extra, returnPath } = parse(`returnTo=/a&${name}=x&${name}=y&login_hint=alice`);
    expect({ extra, returnPath }).toEqual({ extra: { login_hint: "alice" }, returnPath: "/a" });
  });

  it.each([
    ...["client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "resource", "claims"],
    ...["code_challenge", "code_challenge_method", "request", "request_uri", "id_token_hint", "authorization_details"],
    "dpop_jkt",
  ])("the login parameter %s is rejected, also without a value", (name) => {
    for (const value of ["x", ""])
      expect(() => parse(`returnTo=/a&${name}=${value}`)).toThrow("set by the gateway only");
  });

  it.each([
    "returnTo",
    "prompt",
    "login_hint",
    "ui_locales",
    "acr_values",
    "max_age",
    "kc_idp_hint",
    "iss",
    "confirmed",
  ])("the login parameter %s twice is rejected, also without values", (name) => {
    const query = new URLSearchParams([
      [name, ""],
      [name, ""],
    ]);
    expect(() => parse(query.toString())).toThrow("occurs twice");
  });

  it.each(["returnTo", "prompt", "login_hint", "ui_locales", "acr_values", "max_age", "kc_idp_hint", "iss"])(
    "the login parameter %s without a value counts as omitted (RFC 6749 §3.1)",
    (name) => expect(parse(`${name}=`)).toEqual({ returnPath: "/", extra: {} }),
  );

  it("parameters that the callback checks are parsed", () => {
    expect(parse("prompt=login&acr_values=2&max_age=0")).toMatchObject({
      prompt: "login",
      acrValues: "2",
      maxAgeSeconds: 0,
    });
  });
});

describe("parameters of a third-party-initiated login", () => {
  const form = (target: string) => parse(new URLSearchParams({ iss: ISSUER, target_link_uri: target }).toString());

  it.each([
    ["/orders?id=1#top", "/orders?id=1#top"],
    [`${ORIGIN}/orders?id=1#top`, "/orders?id=1#top"],
    [ORIGIN, "/"],
    [`${ORIGIN}/`, "/"],
    ["https://app.example:443/x", "/x"],
    ["HTTPS://APP.EXAMPLE/x", "/x"],
    ["https://app.example?x=1", "/?x=1"],
    [`${ORIGIN}/x?next=https://evil.example`, "/x?next=https://evil.example"],
    ["", "/"],
  ])("target_link_uri %s leads to %s", (target, path) => {
    expect(form(target).returnPath).toBe(path);
  });

  it.each([
    "https://evil.example/",
    "http://app.example/",
    "https://app.example:444/",
    "https://app.example.evil.example/",
    "https://app.example@evil.example/",
    "https://user@app.example/",
    "https://user:secret@app.example/",
    "https:/app.example/x",
    "https:app.example/x",
    "https:///app.example/x",
    "//app.example/x",
    "/\\evil.example",
    "https://app.example\\@evil.example/",
    "https://app.example//evil.example",
    "https://app.example/\t/evil.example",
    " https://app.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://app.example/bff/logout",
    "https://app.example/api/x",
    "https://app.example/x/../bff/login",
    "orders",
  ])("target_link_uri %j is rejected (open redirect)", (target) => {
    expect(targetPath(target, TARGETS)).toBeUndefined();
    expect(() => form(target)).toThrow("target_link_uri");
  });

  it("target_link_uri requires iss", () => {
    expect(() => parse("target_link_uri=/a")).toThrow("requires iss");
    expect(() => parse("target_link_uri=/a&iss=")).toThrow("requires iss");
  });

  it("target_link_uri excludes returnTo, so that one of them cannot hide the other", () => {
    expect(() => parse(`iss=${ISSUER}&target_link_uri=/a&returnTo=/b`)).toThrow("excludes");
  });
});
