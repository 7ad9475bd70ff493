import { describe, expect, it } from "vitest";
import { tenantsOf } from "../../src/config/tenants.ts";
import { isOwnIssuer, issuerError, tenantError, type Issuers } from "../../src/provider/issuers.ts";

const A = "11111111-2222-3333-4444-555555555555";
const B = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const HOST = "https://login.example.com";
const issuer = `${HOST}/organizations/v2.0`;
const several: Issuers = { issuer, tenants: tenantsOf(issuer, [A]) };
const any: Issuers = { issuer, tenants: tenantsOf(issuer, "any") };
const single: Issuers = { issuer: `${HOST}/${A}/v2.0`, tenants: undefined };

describe("the template", () => {
  it.each([
    [`${HOST}/common/v2.0`, `${HOST}/{tenantid}/v2.0`],
    [`${HOST}/organizations/v2.0`, `${HOST}/{tenantid}/v2.0`],
    [`${HOST}/a/common`, `${HOST}/a/{tenantid}`],
    [`https://common/organizations/common/v2.0`, `https://common/{tenantid}/common/v2.0`],
    [`${HOST}/${A}/v2.0`, undefined],
    [`${HOST}/commons/v2.0`, undefined],
    [`${HOST}/uncommon/v2.0`, undefined],
    [`https://common`, undefined],
  ])("of %s is %s", (of, template) => {
    expect(tenantsOf(of, "any")?.template).toBe(template);
  });
});

describe("an issuer", () => {
  it.each<[string, unknown, RegExp | undefined]>([
    ["of an allowed tenant", `${HOST}/${A}/v2.0`, undefined],
    ["of another tenant", `${HOST}/${B}/v2.0`, /^tenant aaaaaaaa-.*, which is not in OIDC_TENANTS$/],
    ["that is the template", `${HOST}/{tenantid}/v2.0`, /another issuer/],
    ["that is OIDC_ISSUER", issuer, /another issuer/],
    ["in upper case", `${HOST}/${A.toUpperCase().replaceAll("1", "A")}/v2.0`, /another issuer/],
    ["of another origin", `https://evil.example/${A}/v2.0`, /another issuer/],
    ["of another scheme", `http://login.example.com/${A}/v2.0`, /another issuer/],
    ["with a longer path", `${HOST}/${A}/v2.0/x`, /another issuer/],
    ["with a slash", `${HOST}/${A}/v2.0/`, /another issuer/],
    ["with a longer tenant", `${HOST}/${A}a/v2.0`, /another issuer/],
    ["without a tenant", `${HOST}//v2.0`, /another issuer/],
    ["that is a list", [`${HOST}/${A}/v2.0`], /another issuer/],
    ["that is missing", undefined, /another issuer/],
  ])("%s is compared exactly", (_name, iss, expected) => {
    const problem = issuerError(iss, several);
    if (expected === undefined) expect(problem).toBeUndefined();
    else expect(problem).toMatch(expected);
  });

  it("an issuer of every tenant is accepted with OIDC_TENANTS=any", () => {
    expect(issuerError(`${HOST}/${B}/v2.0`, any)).toBeUndefined();
    expect(issuerError(`https://evil.example/${B}/v2.0`, any)).toBeDefined();
  });

  it("the expected issuer without OIDC_TENANTS is OIDC_ISSUER", () => {
    expect(issuerError(single.issuer, single)).toBeUndefined();
    expect(issuerError(`${HOST}/${B}/v2.0`, single)).toBeDefined();
    expect(issuerError(undefined, single)).toBeDefined();
  });
});

describe("tid", () => {
  it.each<[string, Record<string, unknown>, boolean]>([
    ["of the issuer's tenant is accepted", { iss: `${HOST}/${A}/v2.0`, tid: A }, true],
    ["of another tenant is rejected", { iss: `${HOST}/${A}/v2.0`, tid: B }, false],
    ["that is missing is rejected", { iss: `${HOST}/${A}/v2.0` }, false],
    ["that is no UUID is rejected", { iss: `${HOST}/common/v2.0`, tid: "common" }, false],
    ["that is a replacement pattern is rejected", { iss: `${HOST}/{tenantid}/v2.0`, tid: "$&" }, false],
    ["that is a list is rejected", { iss: `${HOST}/${A}/v2.0`, tid: [A] }, false],
  ])("%s", (_name, claims, isAccepted) => {
    expect(tenantError(claims, any) === undefined).toBe(isAccepted);
    expect(tenantError(claims, single)).toBeUndefined();
  });
});

describe("iss of an authorization response", () => {
  it.each<[string, unknown, boolean]>([
    ["OIDC_ISSUER", issuer, true],
    ["the template", `${HOST}/{tenantid}/v2.0`, true],
    ["an allowed tenant", `${HOST}/${A}/v2.0`, true],
    ["another tenant", `${HOST}/${B}/v2.0`, false],
    ["another origin", `https://evil.example/${A}/v2.0`, false],
    ["nothing", undefined, false],
  ])("that is %s", (_name, iss, isOwn) => {
    expect(isOwnIssuer(iss, several)).toBe(isOwn);
    expect(isOwnIssuer(iss, single)).toBe(iss === single.issuer);
  });
});
