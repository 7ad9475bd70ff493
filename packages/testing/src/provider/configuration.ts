// Configuration of oidc-provider: features, lifetimes and claims.
import type {
  AccessToken,
  AuthorizationCode,
  ClientCredentials,
  Configuration,
  Grant,
  JWK,
  KoaContextWithOIDC,
  RefreshToken,
  UnknownObject,
} from "oidc-provider";
import { logoutSource, postLogoutSuccessSource, renderError } from "./library-pages.ts";
import { loginPolicy } from "./login-policy.ts";
import type { ProviderStorage } from "./storage.ts";
import type { Lifetimes } from "./types.ts";
import { CLAIMS_BY_SCOPE, claimsOf, type UserDirectory } from "./users.ts";

export type ConfigurationOptions = {
  keys: readonly JWK[];
  cookieKeys: readonly string[];
  storage: ProviderStorage;
  users: UserDirectory;
  lifetimes: Lifetimes;
  /** Those of one user, and `lifetimes` for the rest. */
  lifetimesOf: (sub: string | undefined) => Lifetimes;
  resource: string;
  /** Resources whose access tokens are opaque: only introspection shows what they are. */
  opaqueResources: readonly string[];
  /** Scopes of the resources beside those of OpenID Connect. */
  resourceScopes: readonly string[];
  skipConsent: boolean;
  consentedScopes: (sub: string, clientId: string) => readonly string[];
  requireDpopNonce: boolean;
  /** 32 random bytes, the same for all instances of the library. */
  dpopNonceSecret: Buffer;
  fetch: typeof fetch;
};

const SCOPES = ["openid", "profile", "email"] as const;
const interactionSeconds = 600;
const idTokenSeconds = 300;

export function createConfiguration(options: ConfigurationOptions): Configuration {
  const { storage, users } = options;
  return {
    adapter: storage.adapter,
    jwks: { keys: [...options.keys] },
    cookies: {
      keys: [...options.cookieKeys],
      names: { session: "provider_session", interaction: "provider_interaction", resume: "provider_resume" },
    },
    acrValues: ["1", "2"],
    scopes: [...SCOPES],
    claims: { acr: null, auth_time: null, iss: null, sid: null, ...CLAIMS_BY_SCOPE },
    // Puts all claims into the ID token, so that clients do not need userinfo.
    conformIdTokenClaims: false,
    responseTypes: ["code"],
    clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt"],
    clientBasedCORS: () => false,
    pkce: { required: () => true },
    findAccount: (_ctx, sub) => {
      const user = users.bySub(sub);
      return user && { accountId: sub, claims: () => claimsOf(user) };
    },
    interactions: { policy: loginPolicy(), url: (_ctx, { uid }) => `/interaction/${uid}` },
    loadExistingGrant: (ctx) => loadGrant(ctx, options),
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    rotateRefreshToken: () => true,
    // Otherwise the library binds tokens to the session's newest grant, and a second login in the same browser ends the
    // tokens of the first. Logout revokes all tokens of the session; see oidc-library.ts.
    expiresWithSession: () => false,
    extraTokenClaims: (ctx, token) => accessTokenClaims(ctx, token, users),
    renderError,
    features: features(options),
    ttl: createTtl(options),
    // The library's SSRF protection rejects loopback addresses, where all clients of this provider are.
    fetch: (url, init) => options.fetch(url, withoutDispatcher(init)),
  };
}

function createTtl({ lifetimes, lifetimesOf, storage }: ConfigurationOptions): NonNullable<Configuration["ttl"]> {
  return {
    AccessToken: (_ctx, { accountId }) => lifetimesOf(accountId).accessTokenSeconds,
    ClientCredentials: () => lifetimes.accessTokenSeconds,
    AuthorizationCode: () => lifetimes.codeSeconds,
    RefreshToken: (_ctx, { accountId, sessionUid = "" }) =>
      Math.max(1, Math.min(lifetimesOf(accountId).refreshTokenSeconds, storage.remainingSessionSeconds(sessionUid))),
    Session: (_ctx, { accountId }) => lifetimesOf(accountId).sessionSeconds,
    Grant: () => Math.max(lifetimes.sessionSeconds, lifetimes.refreshTokenSeconds) * 2,
    IdToken: idTokenSeconds,
    Interaction: interactionSeconds,
  };
}

function features(options: ConfigurationOptions): Configuration["features"] {
  const { lifetimes, resource, opaqueResources, resourceScopes, requireDpopNonce, dpopNonceSecret } = options;
  return {
    devInteractions: { enabled: false },
    dPoP: { enabled: true, nonceSecret: dpopNonceSecret, requireNonce: () => requireDpopNonce },
    clientCredentials: { enabled: true },
    backchannelLogout: { enabled: true },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    introspection: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource, postLogoutSuccessSource },
    pushedAuthorizationRequests: { enabled: true },
    requestObjects: { enabled: true },
    jwtResponseModes: { enabled: true },
    fapi: {
      enabled: true,
      profile: (_ctx, client) => (client.requirePushedAuthorizationRequests === true ? "2.0" : undefined),
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, indicator) => ({
        scope: [...SCOPES, ...resourceScopes].join(" "),
        audience: indicator,
        accessTokenTTL: lifetimes.accessTokenSeconds,
        accessTokenFormat: opaqueResources.includes(indicator) ? "opaque" : "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  };
}

/** Creates a grant per login, so that revoking the tokens of one login keeps those of another. */
async function loadGrant(ctx: KoaContextWithOIDC, options: ConfigurationOptions): Promise<Grant | undefined> {
  const { provider, result, session, client } = ctx.oidc;
  const consentGrantId = result?.consent?.grantId;
  if (consentGrantId !== undefined) return provider.Grant.find(consentGrantId);
  if (session?.accountId === undefined || client === undefined) return undefined;
  const scopes = options.skipConsent ? SCOPES : options.consentedScopes(session.accountId, client.clientId);
  if (scopes.length === 0) return undefined;
  const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope(scopes.join(" "));
  grant.addResourceScope(options.resource, scopes.join(" "));
  await grant.save();
  return grant;
}

function accessTokenClaims(
  ctx: KoaContextWithOIDC,
  token: AccessToken | ClientCredentials,
  users: UserDirectory,
): UnknownObject | undefined {
  const user = "accountId" in token ? users.bySub(token.accountId) : undefined;
  if (user === undefined) return undefined;
  const source: AuthorizationCode | RefreshToken | undefined =
    ctx.oidc.entities.RotatedRefreshToken ?? ctx.oidc.entities.AuthorizationCode;
  return {
    preferred_username: user.username,
    name: user.name,
    roles: user.roles,
    department: user.department,
    acr: source?.acr,
    auth_time: source?.authTime,
  };
}

function withoutDispatcher(init: (RequestInit & { dispatcher?: unknown }) | undefined): RequestInit {
  const { dispatcher: _dispatcher, ...rest } = init ?? {};
  return rest;
}
