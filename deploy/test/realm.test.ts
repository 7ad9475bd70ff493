// Checks the realm against the security rules, and the rules against realms with one weakness each.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { placeholdersOf, REALM_FILE, renderRealm, requireRealmValues } from "@cloakroom/testkit/keycloak/realm.ts";
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
  ["optional pushed authorization requests", attribute("require.pushed.authorization.requests", "false")],
  ["the implicit flow", ofClient("implicitFlowEnabled", true)],
  ["the password grant", ofClient("directAccessGrantsEnabled", true)],
  ["the password grant for another client", (r) => void (r.clients[1]!["directAccessGrantsEnabled"] = true)],
  ["an enabled client for ending sessions", (r) => void (sessionsClient(r).enabled = true)],
  [
    "the secret of the client for ending sessions in the file",
    (r) => void (sessionsClient(r).secret = "change-me-change-me"),
  ],
  [
    "more roles for the client for ending sessions",
    (r) => void r.users[2]!.clientRoles!["realm-management"]!.push("realm-admin"),
  ],
  ["full scope for the client for ending sessions", (r) => void (sessionsClient(r)["fullScopeAllowed"] = true)],
  [
    "an enabled command-line client",
    (r) => void (r.clients.find(({ clientId }) => clientId === "admin-cli")!.enabled = true),
  ],
  ["a service account", ofClient("serviceAccountsEnabled", true)],
  ["the device flow", attribute("oauth2.device.authorization.grant.enabled", "true")],
  ["token exchange", attribute("standard.token.exchange.enabled", "true")],
  ["full scope for the gateway's client", ofClient("fullScopeAllowed", true)],
  ["offline tokens", (r) => void cloakroom(r).optionalClientScopes!.push("offline_access")],
  ["authorization responses without iss", attribute("exclude.issuer.from.auth.response", "true")],
  ["another signature algorithm", attribute("id.token.signed.response.alg", "HS256")],
  ["no back-channel logout", attribute("backchannel.logout.url", "")],
  ["logout without a session id", attribute("backchannel.logout.session.required", "false")],
  ["no audience", (r) => void cloakroom(r).protocolMappers!.shift()],
  ["the API's audience in ID tokens", mapperConfig("audience", "id.token.claim", "true")],
  ["roles in another claim", mapperConfig("roles", "claim.name", "realm_access.roles")],
  ["no roles in ID tokens", mapperConfig("roles", "id.token.claim", "false")],
  ["no department in access tokens", mapperConfig("department", "access.token.claim", "false")],
  [
    "a department that users can edit",
    (r) => {
      const { config } = r.components["org.keycloak.userprofile.UserProfileProvider"]![0]!;
      const [profile = ""] = config["kc.user.profile.config"] ?? [];
      config["kc.user.profile.config"] = [profile.replaceAll('"edit":["admin"]', '"edit":["admin","user"]')];
    },
  ],
  ["alice as administrator", (r) => void r.users[0]!.groups.push("/administrators")],
  ["a password in the file", (r) => void (r.users[0]!.credentials[0]!.value = "alice-demo-password")],
  ["authorization codes valid for ten minutes", set("accessCodeLifespan", 600)],
  ["access tokens valid for an hour", set("accessTokenLifespan", 3600)],
  ["refresh tokens without rotation", set("revokeRefreshToken", false)],
  ["refresh tokens that can be used twice", set("refreshTokenMaxReuse", 1)],
  ["an idle timeout below the gateway's", set("ssoSessionIdleTimeout", 1800)],
  ["a session that ends before the gateway's", set("ssoSessionMaxLifespan", 3600)],
  ["sessions of a month", set("ssoSessionMaxLifespan", 2_592_000)],
  ["no TLS", set("sslRequired", "none")],
  ["open registration", set("registrationAllowed", true)],
  ["no password policy", set("passwordPolicy", "")],
  ["short passwords", set("passwordPolicy", String(realm["passwordPolicy"]).replace("length(12)", "length(8)"))],
  ["no brute-force protection", set("bruteForceProtected", false)],
  ["a lockout after a hundred attempts", set("failureFactor", 100)],
  ["a permanent lockout", set("permanentLockout", true)],
  ["no acr levels", (r) => void delete r.attributes["acr.loa.map"]],
  ["Keycloak's default browser flow", set("browserFlow", "browser")],
  [
    "an optional one-time code",
    (r) => void (r.authenticationFlows[3]!.authenticationExecutions[1]!.requirement = "ALTERNATIVE"),
  ],
  ["level 2 by password", (r) => void (r.authenticatorConfig[0]!.config["loa-condition-level"] = "2")],
  ["level 2 valid for eight hours", (r) => void (r.authenticatorConfig[1]!.config["loa-max-age"] = "28800")],
  ["reusable one-time codes", set("otpPolicyCodeReusable", true)],
  ["no events", set("eventsEnabled", false)],
  ["user events kept for one day", set("eventsExpiration", 86_400)],
  ["no admin events", set("adminEventsEnabled", false)],
  ["Keycloak's login theme", set("loginTheme", "keycloak.v2")],
  ["Keycloak's account theme", (r) => void delete r["accountTheme"]],
  ["pages in one language", set("internationalizationEnabled", false)],
  ["no client role in any group", (r) => void delete r.groups[0]!.clientRoles],
  ["client roles missing from tokens", (r) => void (r.clientScopeMappings = {})],
  ["admin events kept forever", (r) => void delete r.attributes["adminEventsExpiration"]],
];

describe("the shipped realm", () => {
  it.each(RULES)("the shipped realm satisfies the rule: %s", (_claim, holds) => {
    expect(holds(realm)).toBe(true);
  });

  it("the shipped realm has placeholders for exactly the values that differ between installations", () => {
    expect([...placeholdersOf(text)].sort()).toEqual([
      "CLOAKROOM_ADMIN_PASSWORD",
      "CLOAKROOM_ALICE_PASSWORD",
      "CLOAKROOM_BACKCHANNEL_ORIGIN",
      "CLOAKROOM_CLIENT_SECRET",
      "CLOAKROOM_ORIGIN",
    ]);
  });

  it("the shipped realm has no default values for placeholders", () => {
    expect(text).not.toMatch(/\$\{CLOAKROOM_[A-Z_]+:/);
  });
});

describe("the realm rules", () => {
  it.each(WEAKER)("the realm rules reject a realm with %s", (_name, weaken) => {
    const weaker = structuredClone(realm);
    weaken(weaker);
    expect(RULES.filter(([, holds]) => !holds(weaker)).map(([claim]) => claim)).not.toEqual([]);
  });
});

describe("renderRealm", () => {
  const values = {
    CLOAKROOM_ORIGIN: "https://app.example",
    CLOAKROOM_BACKCHANNEL_ORIGIN: "http://gateway:3000",
    CLOAKROOM_CLIENT_SECRET: 'a "quoted" \\ secret',
    CLOAKROOM_ALICE_PASSWORD: "$& and $1 and $2",
    CLOAKROOM_ADMIN_PASSWORD: "battery staple",
  };

  it("renderRealm names all missing values in one error", () => {
    expect(() => requireRealmValues({ ...values, CLOAKROOM_CLIENT_SECRET: "", CLOAKROOM_ORIGIN: undefined })).toThrow(
      /set CLOAKROOM_CLIENT_SECRET, CLOAKROOM_ORIGIN|set CLOAKROOM_ORIGIN, CLOAKROOM_CLIENT_SECRET/,
    );
  });

  it("renderRealm checks the passwords by the realm's policy", () => {
    const { passwordPolicy } = JSON.parse(text) as { passwordPolicy: string };
    // A rule that is added here needs a check of its own, or values that always satisfy it.
    expect(passwordPolicy.split(" and ").map((rule) => rule.replace("(undefined)", ""))).toEqual([
      ...["length(12)", "maxLength(128)", "notUsername", "notContainsUsername", "notEmail"],
      ...["passwordHistory(5)", "hashAlgorithm(argon2)"],
    ]);
  });

  it.each([
    ["CLOAKROOM_ALICE_PASSWORD", "too-short-1"],
    ["CLOAKROOM_ALICE_PASSWORD", "x".repeat(129)],
    ["CLOAKROOM_ALICE_PASSWORD", "password-of-Alice-1"],
    ["CLOAKROOM_ADMIN_PASSWORD", "admin-password-1"],
  ])("renderRealm names %s with a password that Keycloak rejects: %s", (name, password) => {
    expect(() => renderRealm({ ...values, [name]: password })).toThrow(
      `The realm's password policy rejects ${name}: use 12 to 128 characters without`,
    );
  });

  it("renderRealm inserts values unchanged, special characters included", () => {
    const rendered = JSON.parse(renderRealm(values)) as Realm;
    expect(cloakroom(rendered).secret).toBe(values.CLOAKROOM_CLIENT_SECRET);
    expect(rendered.users.slice(0, 2).map(({ credentials }) => credentials[0]!.value)).toEqual([
      "$& and $1 and $2",
      "battery staple",
    ]);
    expect(cloakroom(rendered).redirectUris).toEqual(["https://app.example/bff/callback"]);
    expect(placeholdersOf(JSON.stringify(rendered)).size).toBe(0);
  });
});
