// How the library is set up: what it offers, how long things live, what stands in which token.
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
import { loginPolicy } from "./policy.ts";
import type { ProviderStorage } from "./storage.ts";
import type { Lifetimes } from "./types.ts";
import { CLAIMS_BY_SCOPE, claimsOf, type UserDirectory } from "./users.ts";

export type ConfigurationParts = {
  keys: readonly JWK[];
  cookieKeys: readonly string[];
  storage: ProviderStorage;
  users: UserDirectory;
  lifetimes: Lifetimes;
  resource: string;
  skipConsent: boolean;
  consentedScopes: (sub: string, clientId: string) => readonly string[];
  fetch: typeof fetch;
};

export const SCOPES = ["openid", "profile", "email"] as const;
const interactionSeconds = 600;
const idTokenSeconds = 300;

export function providerConfiguration(parts: ConfigurationParts): Configuration {
  const { storage, users } = parts;
  return {
    adapter: storage.adapter,
    jwks: { keys: [...parts.keys] },
    cookies: {
      keys: [...parts.cookieKeys],
      names: { session: "provider_session", interaction: "provider_interaction", resume: "provider_resume" },
    },
    acrValues: ["1", "2"],
    scopes: [...SCOPES],
    claims: { acr: null, auth_time: null, iss: null, sid: null, ...CLAIMS_BY_SCOPE },
    // Roles, name and email stand in the ID token: the gateway need not ask userinfo for them.
    conformIdTokenClaims: false,
    responseTypes: ["code"],
    clientAuthMethods: ["client_secret_basic", "client_secret_post"],
    clientBasedCORS: () => false,
    pkce: { required: () => true },
    findAccount: (_ctx, sub) => {
      const user = users.bySub(sub);
      return user && { accountId: sub, claims: () => claimsOf(user) };
    },
    interactions: { policy: loginPolicy(), url: (_ctx, { uid }) => `/interaction/${uid}` },
    loadExistingGrant: (ctx) => existingGrant(ctx, parts),
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    rotateRefreshToken: () => true,
    // The library would bind tokens to the session's newest grant and so end an earlier login's when the same browser
    // logs in again. Here logout revokes all that was issued within the session; see library.ts.
    expiresWithSession: () => false,
    extraTokenClaims: (ctx, token) => accessTokenClaims(ctx, token, users),
    renderError,
    features: features(parts),
    ttl: timesToLive(parts),
    // The library's own fetch refuses loopback (SSRF guard): here the clients live nowhere else.
    fetch: (url, options) => parts.fetch(url, withoutGuard(options)),
  };
}

function timesToLive({ lifetimes, storage }: ConfigurationParts): NonNullable<Configuration["ttl"]> {
  return {
    AccessToken: () => lifetimes.accessTokenSeconds,
    ClientCredentials: () => lifetimes.accessTokenSeconds,
    AuthorizationCode: () => lifetimes.codeSeconds,
    RefreshToken: (_ctx, { sessionUid = "" }) =>
      Math.max(1, Math.min(lifetimes.refreshTokenSeconds, storage.sessionSecondsLeft(sessionUid))),
    Session: () => lifetimes.sessionSeconds,
    Grant: () => Math.max(lifetimes.sessionSeconds, lifetimes.refreshTokenSeconds) * 2,
    IdToken: idTokenSeconds,
    Interaction: interactionSeconds,
  };
}

function features({ lifetimes, resource }: ConfigurationParts): Configuration["features"] {
  return {
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    clientCredentials: { enabled: true },
    backchannelLogout: { enabled: true },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    rpInitiatedLogout: { enabled: true, logoutSource, postLogoutSuccessSource },
    pushedAuthorizationRequests: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, indicator) => ({
        scope: SCOPES.join(" "),
        audience: indicator,
        accessTokenTTL: lifetimes.accessTokenSeconds,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  };
}

/** Each login gets a grant of its own, so that revoking one session's tokens does not end another's. */
async function existingGrant(ctx: KoaContextWithOIDC, parts: ConfigurationParts): Promise<Grant | undefined> {
  const { provider, result, session, client } = ctx.oidc;
  const consented = result?.consent?.grantId;
  if (consented !== undefined) return provider.Grant.find(consented);
  if (session?.accountId === undefined || client === undefined) return undefined;
  const scopes = parts.skipConsent ? SCOPES : parts.consentedScopes(session.accountId, client.clientId);
  if (scopes.length === 0) return undefined;
  const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope(scopes.join(" "));
  grant.addResourceScope(parts.resource, scopes.join(" "));
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

function withoutGuard(options: (RequestInit & { dispatcher?: unknown }) | undefined): RequestInit {
  const { dispatcher: _guard, ...rest } = options ?? {};
  return rest;
}
