// The realm as code, against the list of what it must say; and that list against realms that are weaker in one point.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { placeholdersOf, REALM_FILE, renderRealm, requireRealmValues } from "../../scripts/keycloak/realm.ts";
import { RULES, type Realm } from "./realm-rules.ts";

const text = readFileSync(REALM_FILE, "utf8");
const realm = JSON.parse(text) as Realm;
const cloakroom = (r: Realm) => r.clients.find(({ clientId }) => clientId === "cloakroom")!;
const sessionsClient = (r: Realm) => r.clients.find(({ clientId }) => clientId === "cloakroom-sessions")!;
const attribute = (name: string, value: string) => (r: Realm) => void (cloakroom(r).attributes![name] = value);
const mapperConfig = (mapper: string, name: string, value: string) => (r: Realm) =>
  void (cloakroom(r).protocolMappers!.find((each) => each.name === mapper)!.config[name] = value);
const set = (name: string, value: unknown) => (r: Realm) => void (r[name] = value);
const ofClient = (name: string, value: unknown) => (r: Realm) =>
  void ((cloakroom(r) as Record<string, unknown>)[name] = value);

const WEAKER: readonly [string, (realm: Realm) => void][] = [
  ["a public client", ofClient("publicClient", true)],
  ["a secret in the file", ofClient("secret", "change-me-change-me")],
  ["a redirect URI with a wildcard", ofClient("redirectUris", ["${CLOAKROOM_ORIGIN}/*"])],
  ["a second redirect URI", (r) => void cloakroom(r).redirectUris.push("https://elsewhere.example/bff/callback")],
  ["any page after logout", attribute("post.logout.redirect.uris", "+")],
  ["any web origin", ofClient("webOrigins", ["*"])],
  ["no PKCE", attribute("pkce.code.challenge.method", "")],
  ["plain PKCE", attribute("pkce.code.challenge.method", "plain")],
  ["requests in the browser's hands", attribute("require.pushed.authorization.requests", "false")],
  ["the implicit flow", ofClient("implicitFlowEnabled", true)],
  ["the password grant", ofClient("directAccessGrantsEnabled", true)],
  ["the password grant for another client", (r) => void (r.clients[1]!["directAccessGrantsEnabled"] = true)],
  ["a client that may end sessions from the start", (r) => void (sessionsClient(r).enabled = true)],
  ["its secret in the file", (r) => void (sessionsClient(r).secret = "change-me-change-me")],
  ["more rights for it", (r) => void r.users[2]!.clientRoles!["realm-management"]!.push("realm-admin")],
  ["every right that its account may get", (r) => void (sessionsClient(r)["fullScopeAllowed"] = true)],
  ["the command line client", (r) => void (r.clients.find(({ clientId }) => clientId === "admin-cli")!.enabled = true)],
  ["a service account", ofClient("serviceAccountsEnabled", true)],
  ["the device flow", attribute("oauth2.device.authorization.grant.enabled", "true")],
  ["token exchange", attribute("standard.token.exchange.enabled", "true")],
  ["every role in every token", ofClient("fullScopeAllowed", true)],
  ["offline tokens", (r) => void cloakroom(r).optionalClientScopes!.push("offline_access")],
  ["answers without iss", attribute("exclude.issuer.from.auth.response", "true")],
  ["another signature", attribute("id.token.signed.response.alg", "HS256")],
  ["no back-channel logout", attribute("backchannel.logout.url", "")],
  ["logout without a session id", attribute("backchannel.logout.session.required", "false")],
  ["no audience", (r) => void cloakroom(r).protocolMappers!.shift()],
  ["the API's audience in ID tokens", mapperConfig("audience", "id.token.claim", "true")],
  ["roles elsewhere", mapperConfig("roles", "claim.name", "realm_access.roles")],
  ["no roles in ID tokens", mapperConfig("roles", "id.token.claim", "false")],
  ["no department in access tokens", mapperConfig("department", "access.token.claim", "false")],
  [
    "a department that people choose",
    (r) => {
      const { config } = r.components["org.keycloak.userprofile.UserProfileProvider"]![0]!;
      const [profile = ""] = config["kc.user.profile.config"] ?? [];
      config["kc.user.profile.config"] = [profile.replaceAll('"edit":["admin"]', '"edit":["admin","user"]')];
    },
  ],
  ["alice as administrator", (r) => void r.users[0]!.groups.push("/administrators")],
  ["a password in the file", (r) => void (r.users[0]!.credentials[0]!.value = "alice-demo-password")],
  ["codes for ten minutes", set("accessCodeLifespan", 600)],
  ["access tokens for an hour", set("accessTokenLifespan", 3600)],
  ["refresh tokens without rotation", set("revokeRefreshToken", false)],
  ["a refresh token spent twice", set("refreshTokenMaxReuse", 1)],
  ["an idle limit below the gateway's", set("ssoSessionIdleTimeout", 1800)],
  ["a session that ends before the gateway's", set("ssoSessionMaxLifespan", 3600)],
  ["a session for a month", set("ssoSessionMaxLifespan", 2_592_000)],
  ["no TLS", set("sslRequired", "none")],
  ["open registration", set("registrationAllowed", true)],
  ["no password policy", set("passwordPolicy", "")],
  ["short passwords", set("passwordPolicy", String(realm["passwordPolicy"]).replace("length(12)", "length(8)"))],
  ["no lock-out", set("bruteForceProtected", false)],
  ["a lock-out after a hundred guesses", set("failureFactor", 100)],
  ["a lock-out for good", set("permanentLockout", true)],
  ["no levels", (r) => void delete r.attributes["acr.loa.map"]],
  ["Keycloak's own flow", set("browserFlow", "browser")],
  [
    "an optional code",
    (r) => void (r.authenticationFlows[3]!.authenticationExecutions[1]!.requirement = "ALTERNATIVE"),
  ],
  ["level 2 by password", (r) => void (r.authenticatorConfig[0]!.config["loa-condition-level"] = "2")],
  ["level 2 for good", (r) => void (r.authenticatorConfig[1]!.config["loa-max-age"] = "28800")],
  ["a code that is good twice", set("otpPolicyCodeReusable", true)],
  ["no events", set("eventsEnabled", false)],
  ["events for a day", set("eventsExpiration", 86_400)],
  ["no admin events", set("adminEventsEnabled", false)],
  ["Keycloak's own login pages", set("loginTheme", "keycloak.v2")],
  ["Keycloak's own account pages", (r) => void delete r["accountTheme"]],
  ["pages in one language", set("internationalizationEnabled", false)],
  ["no client role for anybody", (r) => void delete r.groups[0]!.clientRoles],
  ["a client role that stays out of tokens", (r) => void (r.clientScopeMappings = {})],
  ["admin events for ever", (r) => void delete r.attributes["adminEventsExpiration"]],
];

describe("the realm", () => {
  it.each(RULES)("says: %s", (_claim, holds) => {
    expect(holds(realm)).toBe(true);
  });

  it("has a placeholder for every value that differs between installations, and no other", () => {
    expect([...placeholdersOf(text)].sort()).toEqual([
      "CLOAKROOM_ADMIN_PASSWORD",
      "CLOAKROOM_ALICE_PASSWORD",
      "CLOAKROOM_BACKCHANNEL_ORIGIN",
      "CLOAKROOM_CLIENT_SECRET",
      "CLOAKROOM_ORIGIN",
    ]);
  });

  it("gives no placeholder a default that everybody could read", () => {
    expect(text).not.toMatch(/\$\{CLOAKROOM_[A-Z_]+:/);
  });
});

describe("the list", () => {
  it.each(WEAKER)("refuses a realm with %s", (_name, weaken) => {
    const weaker = structuredClone(realm);
    weaken(weaker);
    expect(RULES.filter(([, holds]) => !holds(weaker)).map(([claim]) => claim)).not.toEqual([]);
  });
});

describe("the realm's values", () => {
  const values = {
    CLOAKROOM_ORIGIN: "https://app.example",
    CLOAKROOM_BACKCHANNEL_ORIGIN: "http://gateway:3000",
    CLOAKROOM_CLIENT_SECRET: 'a "quoted" \\ secret',
    CLOAKROOM_ALICE_PASSWORD: "$& and $1",
    CLOAKROOM_ADMIN_PASSWORD: "battery staple",
  };

  it("are demanded, all that are missing in one sentence", () => {
    expect(() => requireRealmValues({ ...values, CLOAKROOM_CLIENT_SECRET: "", CLOAKROOM_ORIGIN: undefined })).toThrow(
      /set CLOAKROOM_CLIENT_SECRET, CLOAKROOM_ORIGIN|set CLOAKROOM_ORIGIN, CLOAKROOM_CLIENT_SECRET/,
    );
  });

  it("are filled in as they are, whatever characters they have", () => {
    const rendered = JSON.parse(renderRealm(values)) as Realm;
    expect(cloakroom(rendered).secret).toBe(values.CLOAKROOM_CLIENT_SECRET);
    expect(rendered.users.slice(0, 2).map(({ credentials }) => credentials[0]!.value)).toEqual([
      "$& and $1",
      "battery staple",
    ]);
    expect(cloakroom(rendered).redirectUris).toEqual(["https://app.example/bff/callback"]);
    expect(placeholdersOf(JSON.stringify(rendered)).size).toBe(0);
  });
});
