// What the realm must say, rule by rule, and why. A rule is true for the realm as it is and false for a weaker one.
import { SETTINGS } from "../../bff/src/settings.ts";

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
const people = (realm: Realm) =>
  realm.users.filter(({ serviceAccountClientId }) => serviceAccountClientId === undefined);
const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);
const policyNumber = ({ passwordPolicy }: Realm, name: string) =>
  Number(new RegExp(`\\b${name}\\((\\d+)\\)`).exec(String(passwordPolicy))?.[1] ?? 0);

const CLIENT: readonly Rule[] = [
  ["the gateway's client has a secret", (r) => client(r)["publicClient"] === false],
  ["the secret comes from the environment", (r) => client(r).secret === "${CLOAKROOM_CLIENT_SECRET}"],
  ["the redirect URI is one and exact", (r) => same(client(r).redirectUris, ["${CLOAKROOM_ORIGIN}/bff/callback"])],
  [
    "the page after logout is one and exact",
    (r) =>
      attributes(r)["post.logout.redirect.uris"] ===
      "${CLOAKROOM_ORIGIN}/bff/logout/return##${CLOAKROOM_ORIGIN}/logged-out",
  ],
  ["no other origin may call Keycloak from a browser for it", (r) => client(r).webOrigins.length === 0],
  ["PKCE is required, and not by plain", (r) => attributes(r)["pkce.code.challenge.method"] === "S256"],
  [
    "the request is pushed, so that the browser carries nothing to change",
    (r) => attributes(r)["require.pushed.authorization.requests"] === "true",
  ],
  ["the code flow is on", (r) => client(r)["standardFlowEnabled"] === true],
  [
    "every other way to a token is off",
    (r) =>
      ["implicitFlowEnabled", "directAccessGrantsEnabled", "serviceAccountsEnabled"].every(
        (name) => client(r)[name] === false,
      ) &&
      ["oauth2.device.authorization.grant.enabled", "oidc.ciba.grant.enabled", "standard.token.exchange.enabled"].every(
        (name) => attributes(r)[name] === "false",
      ),
  ],
  [
    "who may end everybody's sessions is a client of its own, off, with no secret that somebody could read",
    (r) => {
      const { enabled, secret, serviceAccountsEnabled, standardFlowEnabled } = client(r, "cloakroom-sessions");
      return !enabled && secret === undefined && serviceAccountsEnabled === true && standardFlowEnabled === false;
    },
  ],
  [
    "and has that one right",
    (r) =>
      same(
        r.users.filter((each) => !people(r).includes(each)).map(({ clientRoles, groups }) => [clientRoles, groups]),
        [[{ "realm-management": ["manage-users"] }, undefined]],
      ) &&
      same(r.clientScopeMappings["realm-management"], [{ client: "cloakroom-sessions", roles: ["manage-users"] }]) &&
      client(r, "cloakroom-sessions")["fullScopeAllowed"] === false,
  ],
  [
    "no client logs in by password alone",
    (r) => r.clients.every((each) => each["directAccessGrantsEnabled"] === false) && !client(r, "admin-cli").enabled,
  ],
  ["tokens hold no role that nobody asked for", (r) => client(r)["fullScopeAllowed"] === false],
  [
    "scopes are the few that the gateway asks for",
    (r) =>
      same(client(r).defaultClientScopes, ["basic", "acr"]) &&
      same(["openid", ...(client(r).optionalClientScopes ?? [])], SETTINGS.OIDC_SCOPE.default.split(" ")),
  ],
  [
    "Keycloak names itself in its answers (RFC 9207)",
    (r) => attributes(r)["exclude.issuer.from.auth.response"] === "false",
  ],
  [
    "tokens are signed as the gateway expects",
    (r) =>
      r["defaultSignatureAlgorithm"] === SETTINGS.OIDC_ID_TOKEN_ALG.default &&
      attributes(r)["id.token.signed.response.alg"] === SETTINGS.OIDC_ID_TOKEN_ALG.default &&
      attributes(r)["access.token.signed.response.alg"] === SETTINGS.OIDC_ID_TOKEN_ALG.default,
  ],
  [
    "an access token says that it is one (RFC 9068)",
    (r) => attributes(r)["access.token.header.type.rfc9068"] === "true",
  ],
  [
    "logout reaches the gateway over the back channel, with the session it means",
    (r) =>
      client(r)["frontchannelLogout"] === false &&
      attributes(r)["backchannel.logout.url"] === "${CLOAKROOM_BACKCHANNEL_ORIGIN}/bff/backchannel-logout" &&
      attributes(r)["backchannel.logout.session.required"] === "true",
  ],
];

const CLAIMS: readonly Rule[] = [
  [
    "access tokens, and only they, are for the API",
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
  ["the audience itself can ask for no token", (r) => client(r, "resource-api")["bearerOnly"] === true],
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
    "nobody chooses the department that decides about them",
    (r) => {
      const profile = r.components["org.keycloak.userprofile.UserProfileProvider"]?.[0]?.config;
      const { attributes: declared } = JSON.parse(profile?.["kc.user.profile.config"]?.[0] ?? "{}") as {
        attributes: { name: string; permissions: { edit: string[] } }[];
      };
      return same(declared.find(({ name }) => name === "department")?.permissions.edit, ["admin"]);
    },
  ],
  [
    "there are realm roles and client roles, and tokens may hold them",
    (r) =>
      same(
        r.roles.realm.map(({ name }) => name),
        ["user", "admin"],
      ) &&
      (r.roles.client["resource-api"]?.length ?? 0) > 0 &&
      same(r.scopeMappings, [{ client: "cloakroom", roles: ["user", "admin"] }]),
  ],
  [
    "groups give the roles",
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
    "a group gives the client role, and tokens may hold it",
    (r) =>
      same(r.groups.find(({ name }) => name === "engineering")?.clientRoles, { "resource-api": ["reports-reader"] }) &&
      same(r.clientScopeMappings["resource-api"], [{ client: "cloakroom", roles: ["reports-reader"] }]) &&
      mapper(r, "client roles").config["access.token.claim"] === "true",
  ],
  [
    "alice is a user in engineering and no administrator",
    (r) =>
      same(user(r, "alice").groups, ["/engineering"]) &&
      same(user(r, "alice").attributes["department"], ["engineering"]),
  ],
  ["admin is a user and an administrator", (r) => same(user(r, "admin").groups, ["/operations", "/administrators"])],
  [
    "no password is written down",
    (r) =>
      same(
        people(r).map(({ credentials }) => credentials.map(({ value }) => value)),
        [["${CLOAKROOM_ALICE_PASSWORD}"], ["${CLOAKROOM_ADMIN_PASSWORD}"]],
      ),
  ],
];

const LIFETIMES: readonly Rule[] = [
  ["a code lives for a minute at most (ASVS 10.4.3)", (r) => Number(r["accessCodeLifespan"]) <= 60],
  ["an access token lives for five minutes at most", (r) => Number(r["accessTokenLifespan"]) <= 300],
  ["a refresh token is spent once", (r) => r["revokeRefreshToken"] === true && r["refreshTokenMaxReuse"] === 0],
  [
    // Keycloak counts from the last refresh, which is up to one access token older than the gateway's last request.
    "Keycloak's idle limit is the gateway's and one access token at least",
    (r) => Number(r["ssoSessionIdleTimeout"]) >= gatewayIdleSeconds + Number(r["accessTokenLifespan"]),
  ],
  [
    "Keycloak's session lasts as long as the gateway's may",
    (r) => Number(r["ssoSessionMaxLifespan"]) >= gatewayMaxSeconds,
  ],
  [
    "it does not outlast a working day",
    (r) => Number(r["ssoSessionMaxLifespan"]) <= 36_000 && r["rememberMe"] === false,
  ],
];

const LOGIN: readonly Rule[] = [
  ["TLS is required from outside", (r) => r["sslRequired"] !== "none"],
  ["nobody makes an account for themselves", (r) => r["registrationAllowed"] === false],
  ["passwords are long", (r) => policyNumber(r, "length") >= 12],
  ["long passphrases are welcome", (r) => policyNumber(r, "maxLength") >= 64],
  ["passwords do not come back", (r) => policyNumber(r, "passwordHistory") >= 5],
  [
    "a password is not the name",
    (r) => /notContainsUsername\(/.test(String(r["passwordPolicy"])) && /notEmail\(/.test(String(r["passwordPolicy"])),
  ],
  ["passwords are kept as argon2", (r) => /hashAlgorithm\(argon2\)/.test(String(r["passwordPolicy"]))],
  [
    "guessing locks the account for a while",
    (r) =>
      r["bruteForceProtected"] === true &&
      Number(r["failureFactor"]) <= 10 &&
      Number(r["waitIncrementSeconds"]) >= 60 &&
      // For good would let anybody lock out anybody.
      r["permanentLockout"] === false,
  ],
  ["level 2 is known by its number", (r) => same(JSON.parse(r.attributes["acr.loa.map"] ?? "{}"), { "1": 1, "2": 2 })],
  ["the flow with the levels is the one in use", (r) => r["browserFlow"] === "browser with step-up"],
  [
    "level 1 is a password",
    (r) => levelIs(r, "level 1: password", { level: "1", authenticator: "auth-username-password-form" }),
  ],
  [
    "level 2 is a one-time code on top",
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
    "level 2 is forgotten after a few minutes",
    (r) => Number(r.authenticatorConfig.find(({ alias }) => alias === "level 2")?.config["loa-max-age"]) <= 900,
  ],
  ["a code is good once", (r) => r["otpPolicyType"] === "totp" && r["otpPolicyCodeReusable"] === false],
];

const EVENTS: readonly Rule[] = [
  ["logins and failures are recorded", (r) => r["eventsEnabled"] === true && same(r["enabledEventTypes"], [])],
  ["they are kept for 30 days at least, and not for ever", (r) => within(r["eventsExpiration"], 30, 400)],
  [
    "what administrators do is recorded, with what they changed",
    (r) => r["adminEventsEnabled"] === true && r["adminEventsDetailsEnabled"] === true,
  ],
  [
    "that is kept for 90 days at least, and not for ever",
    (r) => within(r.attributes["adminEventsExpiration"], 90, 400),
  ],
  ["events reach the log too", (r) => same(r["eventsListeners"], ["jboss-logging"])],
];

const LOOK: readonly Rule[] = [
  ["people log in on pages that look like the application", (r) => r["loginTheme"] === "cloakroom"],
  ["and manage their account on such pages", (r) => r["accountTheme"] === "cloakroom"],
  [
    "the pages speak the user's language",
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
