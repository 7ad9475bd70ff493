// Security rules for the Keycloak realm. Each rule holds for the shipped realm and fails for a weaker one.
import { SETTINGS } from "@cloakroom/gateway/src/config/settings.ts";

type Mapper = { name: string; protocolMapper: string; config: Record<string, string> };
export type Execution = {
  authenticator?: string;
  flowAlias?: string;
  requirement: string;
  authenticatorConfig?: string;
};
type Client = {
  clientId: string;
  enabled: boolean;
  secret?: string;
  redirectUris: string[];
  webOrigins: string[];
  attributes?: Record<string, string>;
  defaultClientScopes?: string[];
  optionalClientScopes?: string[];
  protocolMappers?: Mapper[];
} & Record<string, unknown>;

export type Realm = {
  [setting: string]: unknown;
  clients: Client[];
  attributes: Record<string, string>;
  roles: { realm: { name: string }[]; client: Record<string, { name: string }[]> };
  groups: { name: string; realmRoles?: string[]; clientRoles?: Record<string, string[]> }[];
  users: {
    username: string;
    serviceAccountClientId?: string;
    clientRoles?: Record<string, string[]>;
    attributes: Record<string, string[]>;
    groups: string[];
    credentials: { value: string }[];
  }[];
  scopeMappings: { client: string; roles: string[] }[];
  clientScopeMappings: Record<string, { client: string; roles: string[] }[]>;
  components: Record<string, { config: Record<string, string[]> }[]>;
  authenticationFlows: { alias: string; authenticationExecutions: Execution[] }[];
  authenticatorConfig: { alias: string; config: Record<string, string> }[];
};

type Rule = readonly [claim: string, holds: (realm: Realm) => boolean];

const gatewayIdleSeconds = Number(SETTINGS.SESSION_IDLE_SECONDS.default);
const gatewayMaxSeconds = Number(SETTINGS.SESSION_MAX_SECONDS.default);

const client = ({ clients }: Realm, id = "cloakroom") => clients.find(({ clientId }) => clientId === id) as Client;
const attributes = (realm: Realm) => client(realm).attributes ?? {};
const mapper = (realm: Realm, name: string): Omit<Mapper, "name"> =>
  client(realm).protocolMappers?.find((each) => each.name === name) ?? { protocolMapper: "", config: {} };
const flow = (realm: Realm, alias: string) =>
  realm.authenticationFlows.find((each) => each.alias === alias)?.authenticationExecutions ?? [];
const user = (realm: Realm, name: string) => realm.users.find(({ username }) => username === name) as Realm["users"][0];
const humanUsers = (realm: Realm) =>
  realm.users.filter(({ serviceAccountClientId }) => serviceAccountClientId === undefined);
const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);
const policyNumber = ({ passwordPolicy }: Realm, name: string) =>
  Number(new RegExp(`\\b${name}\\((\\d+)\\)`).exec(String(passwordPolicy))?.[1] ?? 0);

const CLIENT: readonly Rule[] = [
  ["the gateway's client is confidential", (r) => client(r)["publicClient"] === false],
  ["the client secret is a placeholder", (r) => client(r).secret === "${CLOAKROOM_CLIENT_SECRET}"],
  [
    "there is exactly one redirect URI, without a wildcard",
    (r) => same(client(r).redirectUris, ["${CLOAKROOM_ORIGIN}/bff/callback"]),
  ],
  [
    "the post-logout redirect URIs are exact",
    (r) =>
      attributes(r)["post.logout.redirect.uris"] ===
      "${CLOAKROOM_ORIGIN}/bff/logout/return##${CLOAKROOM_ORIGIN}/logged-out",
  ],
  ["no web origin is allowed (CORS)", (r) => client(r).webOrigins.length === 0],
  ["PKCE with S256 is required", (r) => attributes(r)["pkce.code.challenge.method"] === "S256"],
  [
    "pushed authorization requests are required (RFC 9126)",
    (r) => attributes(r)["require.pushed.authorization.requests"] === "true",
  ],
  ["the authorization code flow is enabled", (r) => client(r)["standardFlowEnabled"] === true],
  [
    "all other grants are disabled",
    (r) =>
      ["implicitFlowEnabled", "directAccessGrantsEnabled", "serviceAccountsEnabled"].every(
        (name) => client(r)[name] === false,
      ) &&
      ["oauth2.device.authorization.grant.enabled", "oidc.ciba.grant.enabled", "standard.token.exchange.enabled"].every(
        (name) => attributes(r)[name] === "false",
      ),
  ],
  [
    "ending all sessions needs a separate client, which is disabled and has no secret",
    (r) => {
      const { enabled, secret, serviceAccountsEnabled, standardFlowEnabled } = client(r, "cloakroom-sessions");
      return !enabled && secret === undefined && serviceAccountsEnabled === true && standardFlowEnabled === false;
    },
  ],
  [
    "the client for ending sessions has only the role manage-users",
    (r) =>
      same(
        r.users.filter((each) => !humanUsers(r).includes(each)).map(({ clientRoles, groups }) => [clientRoles, groups]),
        [[{ "realm-management": ["manage-users"] }, undefined]],
      ) &&
      same(r.clientScopeMappings["realm-management"], [{ client: "cloakroom-sessions", roles: ["manage-users"] }]) &&
      client(r, "cloakroom-sessions")["fullScopeAllowed"] === false,
  ],
  [
    "no client may use the password grant",
    (r) => r.clients.every((each) => each["directAccessGrantsEnabled"] === false) && !client(r, "admin-cli").enabled,
  ],
  ["tokens contain only mapped roles (full scope is off)", (r) => client(r)["fullScopeAllowed"] === false],
  [
    "the client's scopes are those that the gateway requests",
    (r) =>
      same(client(r).defaultClientScopes, ["basic", "acr"]) &&
      same(["openid", ...(client(r).optionalClientScopes ?? [])], SETTINGS.OIDC_SCOPE.default.split(" ")),
  ],
  [
    "authorization responses contain iss (RFC 9207)",
    (r) => attributes(r)["exclude.issuer.from.auth.response"] === "false",
  ],
  [
    "tokens are signed with the gateway's default algorithm",
    (r) =>
      r["defaultSignatureAlgorithm"] === SETTINGS.OIDC_ID_TOKEN_ALG.default &&
      attributes(r)["id.token.signed.response.alg"] === SETTINGS.OIDC_ID_TOKEN_ALG.default &&
      attributes(r)["access.token.signed.response.alg"] === SETTINGS.OIDC_ID_TOKEN_ALG.default,
  ],
  [
    "access tokens have the type at+jwt (RFC 9068)",
    (r) => attributes(r)["access.token.header.type.rfc9068"] === "true",
  ],
  [
    "back-channel logout is configured and includes the session id",
    (r) =>
      client(r)["frontchannelLogout"] === false &&
      attributes(r)["backchannel.logout.url"] === "${CLOAKROOM_BACKCHANNEL_ORIGIN}/bff/backchannel-logout" &&
      attributes(r)["backchannel.logout.session.required"] === "true",
  ],
];

const CLAIMS: readonly Rule[] = [
  [
    "access tokens have the API's audience, ID tokens do not",
    (r) => {
      const { protocolMapper, config } = mapper(r, "audience");
      return (
        protocolMapper === "oidc-audience-mapper" &&
        config["included.client.audience"] === "resource-api" &&
        config["access.token.claim"] === "true" &&
        config["id.token.claim"] === "false"
      );
    },
  ],
  ["the audience's client is bearer-only", (r) => client(r, "resource-api")["bearerOnly"] === true],
  [
    "roles are a flat claim in both tokens",
    (r) => {
      const { protocolMapper, config } = mapper(r, "roles");
      return (
        protocolMapper === "oidc-usermodel-realm-role-mapper" &&
        config["claim.name"] === SETTINGS.OIDC_ROLES_CLAIM.default &&
        config["multivalued"] === "true" &&
        config["id.token.claim"] === "true" &&
        config["access.token.claim"] === "true"
      );
    },
  ],
  [
    "the department is a claim in both tokens",
    (r) => {
      const { config } = mapper(r, "department");
      return (
        config["user.attribute"] === "department" &&
        config["claim.name"] === "department" &&
        config["id.token.claim"] === "true" &&
        config["access.token.claim"] === "true"
      );
    },
  ],
  [
    "users cannot edit their department",
    (r) => {
      const profile = r.components["org.keycloak.userprofile.UserProfileProvider"]?.[0]?.config;
      const { attributes: declared } = JSON.parse(profile?.["kc.user.profile.config"]?.[0] ?? "{}") as {
        attributes: { name: string; permissions: { edit: string[] } }[];
      };
      return same(declared.find(({ name }) => name === "department")?.permissions.edit, ["admin"]);
    },
  ],
  [
    "realm roles and client roles exist, and tokens may contain the realm roles",
    (r) =>
      same(
        r.roles.realm.map(({ name }) => name),
        ["user", "admin"],
      ) &&
      (r.roles.client["resource-api"]?.length ?? 0) > 0 &&
      same(r.scopeMappings, [{ client: "cloakroom", roles: ["user", "admin"] }]),
  ],
  [
    "groups assign the realm roles",
    (r) =>
      same(
        r.groups.map(({ name, realmRoles }) => [name, realmRoles]),
        [
          ["engineering", ["user"]],
          ["operations", ["user"]],
          ["administrators", ["admin"]],
        ],
      ),
  ],
  [
    "a group assigns the client role, and access tokens contain it",
    (r) =>
      same(r.groups.find(({ name }) => name === "engineering")?.clientRoles, { "resource-api": ["reports-reader"] }) &&
      same(r.clientScopeMappings["resource-api"], [{ client: "cloakroom", roles: ["reports-reader"] }]) &&
      mapper(r, "client roles").config["access.token.claim"] === "true",
  ],
  [
    "alice is a user in engineering without the admin role",
    (r) =>
      same(user(r, "alice").groups, ["/engineering"]) &&
      same(user(r, "alice").attributes["department"], ["engineering"]),
  ],
  ["admin is a user and an administrator", (r) => same(user(r, "admin").groups, ["/operations", "/administrators"])],
  [
    "passwords are placeholders",
    (r) =>
      same(
        humanUsers(r).map(({ credentials }) => credentials.map(({ value }) => value)),
        [["${CLOAKROOM_ALICE_PASSWORD}"], ["${CLOAKROOM_ADMIN_PASSWORD}"]],
      ),
  ],
];

const LIFETIMES: readonly Rule[] = [
  ["authorization codes are valid for at most one minute (ASVS 10.4.3)", (r) => Number(r["accessCodeLifespan"]) <= 60],
  ["access tokens are valid for at most five minutes", (r) => Number(r["accessTokenLifespan"]) <= 300],
  [
    "refresh tokens are rotated and used once",
    (r) => r["revokeRefreshToken"] === true && r["refreshTokenMaxReuse"] === 0,
  ],
  [
    // Keycloak's idle time starts at the last refresh, up to one access token lifetime before the gateway's last request.
    "Keycloak's idle timeout is at least the gateway's plus one access token lifetime",
    (r) => Number(r["ssoSessionIdleTimeout"]) >= gatewayIdleSeconds + Number(r["accessTokenLifespan"]),
  ],
  [
    "Keycloak's maximum session lifetime is at least the gateway's",
    (r) => Number(r["ssoSessionMaxLifespan"]) >= gatewayMaxSeconds,
  ],
  [
    "Keycloak's sessions last at most ten hours, without remember-me",
    (r) => Number(r["ssoSessionMaxLifespan"]) <= 36_000 && r["rememberMe"] === false,
  ],
];

const LOGIN: readonly Rule[] = [
  ["TLS is required for external requests", (r) => r["sslRequired"] !== "none"],
  ["self-registration is disabled", (r) => r["registrationAllowed"] === false],
  ["passwords have at least 12 characters", (r) => policyNumber(r, "length") >= 12],
  ["passwords may have at least 64 characters", (r) => policyNumber(r, "maxLength") >= 64],
  ["the last five passwords cannot be reused", (r) => policyNumber(r, "passwordHistory") >= 5],
  [
    "passwords must not contain the username or equal the email address",
    (r) => /notContainsUsername\(/.test(String(r["passwordPolicy"])) && /notEmail\(/.test(String(r["passwordPolicy"])),
  ],
  ["passwords are hashed with Argon2", (r) => /hashAlgorithm\(argon2\)/.test(String(r["passwordPolicy"]))],
  [
    "brute-force protection locks an account temporarily",
    (r) =>
      r["bruteForceProtected"] === true &&
      Number(r["failureFactor"]) <= 10 &&
      Number(r["waitIncrementSeconds"]) >= 60 &&
      // A permanent lockout would be a denial of service against other users.
      r["permanentLockout"] === false,
  ],
  ["acr levels 1 and 2 are mapped", (r) => same(JSON.parse(r.attributes["acr.loa.map"] ?? "{}"), { "1": 1, "2": 2 })],
  ["the browser flow is the step-up flow", (r) => r["browserFlow"] === "browser with step-up"],
  [
    "level 1 is a password",
    (r) => levelIs(r, "level 1: password", { level: "1", authenticator: "auth-username-password-form" }),
  ],
  [
    "level 2 adds a one-time code",
    (r) =>
      same(
        flow(r, "step-up levels").map(({ flowAlias, requirement }) => [flowAlias, requirement]),
        [
          ["level 1: password", "CONDITIONAL"],
          ["level 2: one-time code", "CONDITIONAL"],
        ],
      ) && levelIs(r, "level 2: one-time code", { level: "2", authenticator: "auth-otp-form" }),
  ],
  [
    "level 2 expires after at most 15 minutes",
    (r) => Number(r.authenticatorConfig.find(({ alias }) => alias === "level 2")?.config["loa-max-age"]) <= 900,
  ],
  ["one-time codes cannot be reused", (r) => r["otpPolicyType"] === "totp" && r["otpPolicyCodeReusable"] === false],
];

const EVENTS: readonly Rule[] = [
  ["all user events are recorded", (r) => r["eventsEnabled"] === true && same(r["enabledEventTypes"], [])],
  ["user events are kept for 30 to 400 days", (r) => within(r["eventsExpiration"], 30, 400)],
  [
    "admin events are recorded with their details",
    (r) => r["adminEventsEnabled"] === true && r["adminEventsDetailsEnabled"] === true,
  ],
  ["admin events are kept for 90 to 400 days", (r) => within(r.attributes["adminEventsExpiration"], 90, 400)],
  ["events are written to the log", (r) => same(r["eventsListeners"], ["jboss-logging"])],
];

const LOOK: readonly Rule[] = [
  ["the login theme is cloakroom", (r) => r["loginTheme"] === "cloakroom"],
  ["the account theme is cloakroom", (r) => r["accountTheme"] === "cloakroom"],
  [
    "pages are localized",
    (r) => r["internationalizationEnabled"] === true && (r["supportedLocales"] as string[]).includes("en"),
  ],
];

export const RULES: readonly Rule[] = [...CLIENT, ...CLAIMS, ...LIFETIMES, ...LOGIN, ...EVENTS, ...LOOK];

function levelIs(realm: Realm, alias: string, wanted: { level: string; authenticator: string }): boolean {
  const [condition, step, ...more] = flow(realm, alias);
  const config = realm.authenticatorConfig.find((each) => each.alias === condition?.authenticatorConfig)?.config;
  return (
    more.length === 0 &&
    condition?.authenticator === "conditional-level-of-authentication" &&
    condition.requirement === "REQUIRED" &&
    config?.["loa-condition-level"] === wanted.level &&
    step?.authenticator === wanted.authenticator &&
    step.requirement === "REQUIRED"
  );
}

function within(seconds: unknown, minDays: number, maxDays: number): boolean {
  return Number(seconds) >= minDays * 86_400 && Number(seconds) <= maxDays * 86_400;
}
