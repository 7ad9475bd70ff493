// Roles of ID tokens in the shapes of real providers, from the login to the authorization rules of an upstream. The
// providers are stand-ins with the published shape of their tokens.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

type Claims = Record<string, unknown>;

let provider: HostileProvider;
let upstreams: string;
const gateways: TestGateway[] = [];

beforeAll(async () => {
  provider = await startHostileProvider({ beside: (_request, response) => response.end("{}") });
  upstreams = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  const row = { prefix: "/api", baseUrl: `${provider.issuer}/up`, requiredRoles: ["admin"] };
  writeFileSync(upstreams, JSON.stringify([row]));
});
afterAll(() => provider.stop());
afterEach(async () => {
  provider.overrides = {};
  for (const gateway of gateways.splice(0)) await gateway.stop();
});

async function start(env: Record<string, string>): Promise<TestGateway> {
  const gateway = await startGateway({ ...provider, env: { UPSTREAMS_FILE: upstreams, ...env } });
  gateways.push(gateway);
  return gateway;
}

async function login(env: Record<string, string>, claims: (original: Claims) => Claims) {
  const gateway = await start(env);
  provider.overrides = { claims };
  const browser = testBrowser(gateway.origin);
  const { status } = await browser.login();
  const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: Claims | null };
  const api = (await browser.fetch("/api/x")).status;
  return { status, user, api, log: gateway.log.join("") };
}

const ZITADEL = "urn:zitadel:iam:org:project:roles";

describe("roles of", () => {
  it.each<[string, Record<string, string>, Claims]>([
    ["Cognito", { OIDC_ROLES_CLAIM: "cognito:groups" }, { "cognito:groups": ["admin"], "cognito:username": "a" }],
    ["Auth0", { OIDC_ROLES_CLAIM: "https://example.com/roles" }, { "https://example.com/roles": ["admin"] }],
    [
      "Zitadel",
      { OIDC_ROLES_CLAIM: ZITADEL, OIDC_AUDIENCES: "project-1 client-2" },
      {
        [ZITADEL]: { admin: { "2612": "zitadel.example.com" } },
        aud: ["cloakroom-test", "project-1", "client-2"],
        azp: "cloakroom-test",
      },
    ],
    ["Keycloak, realm roles", { OIDC_ROLES_CLAIM: "realm_access.roles" }, { realm_access: { roles: ["admin"] } }],
    [
      "Keycloak, client roles of a client with dots",
      { OIDC_ROLES_CLAIM: "/resource_access/my.client/roles" },
      { resource_access: { "my.client": { roles: ["admin"] } } },
    ],
    [
      "Keycloak, realm and client roles merged",
      { OIDC_ROLES_CLAIM: "realm_access.roles /resource_access/my.client/roles" },
      { realm_access: { roles: ["user"] }, resource_access: { "my.client": { roles: ["admin"] } } },
    ],
    ["Entra ID, app roles", {}, { roles: ["admin"], tid: crypto.randomUUID(), oid: "o" }],
    ["Okta, groups", { OIDC_ROLES_CLAIM: "groups" }, { groups: ["Everyone", "admin"] }],
    ["a provider with one string", { OIDC_ROLES_CLAIM: "role" }, { role: "admin" }],
    ["a provider with a space-separated string", { OIDC_ROLES_CLAIM: "entitlements" }, { entitlements: "user admin" }],
    ["a provider with objects", { OIDC_ROLES_CLAIM: "groups" }, { groups: [{ id: 1, name: "admin" }] }],
  ])("roles of %s satisfy requiredRoles and are in /bff/user", async (_name, env, claims) => {
    const { status, user, api, log } = await login(env, (original) => ({ ...original, ...claims }));
    expect(status, log).toBe(303);
    expect(user?.["roles"]).toContain("admin");
    expect(api).toBe(200);
  });

  it("roles in another claim than OIDC_ROLES_CLAIM do not satisfy requiredRoles", async () => {
    const { user, api } = await login({ OIDC_ROLES_CLAIM: "groups" }, (original) => ({
      ...original,
      roles: ["admin"],
    }));
    expect([user?.["roles"], api]).toEqual([[], 403]);
  });

  it("a role whose value in a roles object is false does not satisfy requiredRoles", async () => {
    const { api } = await login({}, (original) => ({ ...original, roles: { admin: false, user: true } }));
    expect(api).toBe(403);
  });
});

describe("aud of the ID token", () => {
  const client = "cloakroom-test";
  it.each<[string, Claims, string | undefined, number]>([
    ["valid-aud-as-array", { aud: [client] }, undefined, 303],
    ["invalid-secondary-aud", { aud: [client, `${client}1`] }, undefined, 400],
    ["invalid-secondary-aud with azp", { aud: [client, `${client}1`], azp: client }, undefined, 400],
    ["a trusted audience, azp is the client", { aud: [client, "project"], azp: client }, "project", 303],
    ["a trusted audience first", { aud: ["project", client], azp: client }, "other,project", 303],
    ["a trusted audience without azp", { aud: [client, "project"] }, "project", 400],
    ["a trusted audience, azp is the audience", { aud: [client, "project"], azp: "project" }, "project", 400],
    ["one audience, azp is another client", { aud: client, azp: "project" }, "project", 400],
    ["the trusted audience alone", { aud: "project" }, "project", 400],
    ["the trusted audience alone, with azp", { aud: ["project"], azp: client }, "project", 400],
    ["a trusted and another audience", { aud: [client, "project", "x"], azp: client }, "project", 400],
    ["an audience that begins like a trusted one", { aud: [client, "project-2"], azp: client }, "project", 400],
    ["an audience that is an object", { aud: [client, { project: 1 }], azp: client }, "project", 400],
    ["an audience that is a list", { aud: [client, ["project"]], azp: client }, "project", 400],
    ["an empty list", { aud: [] }, "project", 400],
  ])("the audience of an ID token is validated: %s", async (_name, claims, audiences, expected) => {
    const env = audiences === undefined ? {} : { OIDC_AUDIENCES: audiences };
    const { status, user, log } = await login(env, (original) => ({ ...original, ...claims }));
    expect(status, log).toBe(expected);
    expect(user !== null).toBe(expected === 303);
  });

  it("an untrusted audience is named in the log with the setting", async () => {
    const { log } = await login({}, (original) => ({ ...original, aud: [client, "project"], azp: client }));
    expect(log).toContain("aud names project, which is not in OIDC_AUDIENCES");
  });
});

describe("roles that the ID token only refers to", () => {
  const warnings = (log: string) => log.match(/roles missing: the ID token only refers/g)?.length ?? 0;
  const overage = {
    _claim_names: { groups: "src1" },
    _claim_sources: { src1: { endpoint: "https://graph.example.com/v1.0/users/x/getMemberObjects" } },
  };
  const groups = { OIDC_ROLES_CLAIM: "groups" };

  it.each<[string, Record<string, string>, Claims, number]>([
    ["groups of Entra ID (group overage)", groups, overage, 1],
    ["groups beside another claim", { OIDC_ROLES_CLAIM: "/wids groups" }, overage, 1],
    ["groups of Entra ID (hasgroups)", groups, { hasgroups: true }, 1],
    ["groups of Entra ID (hasgroups as a string)", groups, { hasgroups: "true" }, 1],
    ["a nested claim", { OIDC_ROLES_CLAIM: "/access/roles" }, { _claim_names: { access: "src1" } }, 1],
    ["a claim with dots", { OIDC_ROLES_CLAIM: "https://e.com/r" }, { _claim_names: { "https://e.com/r": "s" } }, 1],
    ["no claim that is mapped", {}, overage, 0],
    ["no claim, because the token has it", groups, { ...overage, groups: [] }, 0],
    ["no group", groups, { hasgroups: false }, 0],
    ["nothing", groups, { _claim_names: {} }, 0],
    ["null", groups, { _claim_names: null }, 0],
    ["a list", groups, { _claim_names: ["groups"] }, 0],
    ["a text", groups, { _claim_names: "groups" }, 0],
    ["a member of the prototype", { OIDC_ROLES_CLAIM: "constructor" }, { _claim_names: {} }, 0],
  ])("%s: the login succeeds, and the log names the cure", async (_name, env, claims, expected) => {
    const { status, user, log } = await login(env, (original) => ({ ...original, ...claims }));
    expect(status, log).toBe(303);
    expect(user?.["roles"]).toEqual([]);
    expect(warnings(log)).toBe(expected);
    if (expected > 0) expect(log).toContain("use app roles");
  });

  it("roles that the ID token only refers to are logged at a refresh", async () => {
    const gateway = await start(groups);
    provider.overrides = {
      claims: (original) => ({ ...original, groups: ["admin"] }),
      token: (original) => ({ ...original, expires_in: 0 }),
    };
    const browser = testBrowser(gateway.origin);
    await browser.login();
    expect(warnings(gateway.log.join(""))).toBe(0);
    provider.overrides = { claims: (original) => ({ ...original, ...overage }) };
    await browser.fetch("/api/x");
    expect(warnings(gateway.log.join(""))).toBe(1);
  });

  it("roles that the ID token only refers to are logged once per minute", async () => {
    const gateway = await start(groups);
    provider.overrides = { claims: (original) => ({ ...original, ...overage }) };
    for (let n = 0; n < 3; n++) expect((await testBrowser(gateway.origin).login()).status).toBe(303);
    expect(warnings(gateway.log.join(""))).toBe(1);
  });
});

it("aggregated and distributed claims are not shown, because their sources may contain an access token", async () => {
  const sources = { s: { endpoint: "https://claims.test", access_token: "secret-of-the-source" } };
  const { user } = await login({}, (original) => ({
    ...original,
    _claim_names: { roles: "s" },
    _claim_sources: sources,
  }));
  expect(user).toEqual({ sub: "alice", roles: [] });
});
