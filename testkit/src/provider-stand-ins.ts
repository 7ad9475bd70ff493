// Stand-ins for OpenID Providers that cannot run here. Each has the shape of the provider's published discovery document
// and the members of its token responses, ID tokens and userinfo, and serves them from this machine.
import type { IncomingMessage, ServerResponse } from "node:http";
import { startHostileProvider, type HostileProvider } from "./hostile-provider.ts";

type Members = Record<string, unknown>;

export type ProviderStandIn = {
  name: string;
  /** Page in docs/providers whose settings the tests use. */
  page: string;
  /** Path of the issuer; ends with a slash where the provider's issuer does. */
  issuerPath: string;
  /** Published path of each endpoint that is served. */
  paths: {
    authorize: string;
    token: string;
    jwks: string;
    userinfo?: string;
    revocation?: string;
    endSession?: string;
    pushed?: string;
  };
  /** Members of the discovery document beside the issuer and the endpoints. */
  metadata: Members;
  /** Changes the claims of the ID token. */
  idToken: (original: Members) => Members;
  /** Changes the token response. */
  tokenResponse: (original: Members, request: { isRefresh: boolean }) => Members;
  userinfo?: Members;
  /** Members that the provider's keys lack. */
  keysWithout?: readonly string[];
  expected: {
    user: Members;
    roles: readonly string[];
    /** Parameters of the logout request beside `state`; undefined: the provider has no end-session endpoint. */
    logout: Readonly<Record<string, RegExp>> | undefined;
    /** Parameters of the authorization request that the page's settings add. */
    login?: Readonly<Record<string, string>>;
    authentication: "basic" | "post";
  };
};

const without = (members: Members, ...names: string[]): Members =>
  Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)));

const TENANT = "11111111-2222-3333-4444-555555555555";
const RETURN = /\/bff\/logout\/return$/;
const JWT = /^ey/;

export const PROVIDER_STAND_INS: readonly ProviderStandIn[] = [
  {
    name: "Entra ID",
    page: "entra-id.md",
    issuerPath: `/${TENANT}/v2.0`,
    paths: {
      authorize: `/${TENANT}/oauth2/v2.0/authorize`,
      token: `/${TENANT}/oauth2/v2.0/token`,
      jwks: `/${TENANT}/discovery/v2.0/keys`,
      endSession: `/${TENANT}/oauth2/v2.0/logout`,
    },
    metadata: {
      token_endpoint_auth_methods_supported: [
        "client_secret_post",
        "private_key_jwt",
        "client_secret_basic",
        "self_signed_tls_client_auth",
      ],
      response_modes_supported: ["query", "fragment", "form_post"],
      subject_types_supported: ["pairwise"],
      id_token_signing_alg_values_supported: ["RS256"],
      response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
      scopes_supported: ["openid", "profile", "email", "offline_access"],
      request_uri_parameter_supported: false,
      http_logout_supported: true,
      frontchannel_logout_supported: true,
      tenant_region_scope: "EU",
      cloud_instance_name: "microsoftonline.com",
    },
    idToken: (original) => ({
      ...without(original, "auth_time", "acr", "at_hash", "sid"),
      nbf: original["iat"],
      name: "Alice Example",
      oid: "00000000-0000-0000-66f3-3332eca7ea81",
      preferred_username: "alice@example.com",
      roles: ["admin"],
      tid: TENANT,
      uti: "fqiBqXLPj0eQa82S-IYFAA",
      ver: "2.0",
    }),
    tokenResponse: (original) => ({
      ...original,
      ext_expires_in: 300,
      scope: "api://orders/access profile openid email",
    }),
    keysWithout: ["alg"],
    expected: {
      user: { name: "Alice Example", preferred_username: "alice@example.com" },
      roles: ["admin"],
      logout: { post_logout_redirect_uri: RETURN, id_token_hint: JWT },
      authentication: "basic",
    },
  },
  {
    name: "Auth0",
    page: "auth0.md",
    issuerPath: "/",
    paths: {
      authorize: "/authorize",
      token: "/oauth/token",
      jwks: "/.well-known/jwks.json",
      userinfo: "/userinfo",
      revocation: "/oauth/revoke",
      endSession: "/oidc/logout",
    },
    metadata: {
      response_types_supported: ["code", "token", "id_token", "code token", "code id_token", "token id_token"],
      code_challenge_methods_supported: ["S256", "plain"],
      response_modes_supported: ["query", "fragment", "form_post"],
      subject_types_supported: ["public"],
      token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "private_key_jwt"],
      scopes_supported: ["openid", "profile", "offline_access", "name", "email", "email_verified"],
      request_uri_parameter_supported: false,
      request_parameter_supported: false,
      id_token_signing_alg_values_supported: ["HS256", "RS256", "PS256"],
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
      dpop_signing_alg_values_supported: ["ES256"],
    },
    idToken: (original) => ({
      ...without(original, "auth_time", "acr", "at_hash"),
      "https://example.com/roles": ["admin", "editor"],
      nickname: "alice",
      name: "Alice Example",
      picture: "https://s.gravatar.com/avatar/0",
      updated_at: "2026-11-29T12:00:00.000Z",
      email: "alice@example.com",
      sub: "auth0|0123456789abcdef01234567",
    }),
    tokenResponse: (original) => ({ ...original, scope: "openid profile email offline_access" }),
    expected: {
      user: { name: "Alice Example", email: "alice@example.com" },
      roles: ["admin", "editor"],
      logout: { post_logout_redirect_uri: RETURN, id_token_hint: JWT },
      login: { audience: "https://orders.example.com" },
      authentication: "basic",
    },
  },
  {
    name: "Okta",
    page: "okta.md",
    issuerPath: "/oauth2/default",
    paths: {
      authorize: "/oauth2/default/v1/authorize",
      token: "/oauth2/default/v1/token",
      jwks: "/oauth2/default/v1/keys",
      userinfo: "/oauth2/default/v1/userinfo",
      revocation: "/oauth2/default/v1/revoke",
      endSession: "/oauth2/default/v1/logout",
    },
    metadata: {
      response_types_supported: ["code", "token", "id_token", "code id_token", "code token", "id_token token"],
      response_modes_supported: ["query", "fragment", "form_post", "okta_post_message"],
      grant_types_supported: ["authorization_code", "implicit", "refresh_token", "password", "client_credentials"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
      scopes_supported: ["openid", "profile", "email", "address", "phone", "offline_access", "device_sso"],
      token_endpoint_auth_methods_supported: [
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "none",
      ],
      code_challenge_methods_supported: ["S256"],
      request_parameter_supported: true,
      request_object_signing_alg_values_supported: ["HS256", "RS256", "ES256"],
      dpop_signing_alg_values_supported: ["RS256", "ES256"],
    },
    // With an access token in the same response, Okta's ID token has few claims; the profile is at userinfo.
    idToken: (original) => ({
      ...without(original, "acr", "sid"),
      ver: 1,
      jti: "ID.4eAWJOCMB3SX8XewDfVR",
      amr: ["pwd"],
      idp: "00o1n8sbwArJ7OQRw406",
      sub: "00uid4BxXw6I6TV4m0g3",
    }),
    tokenResponse: (original) => ({ ...original, scope: "openid profile email offline_access" }),
    userinfo: {
      sub: "00uid4BxXw6I6TV4m0g3",
      name: "Alice Example",
      email: "alice@example.com",
      preferred_username: "alice@example.com",
      groups: ["Everyone", "admin"],
    },
    expected: {
      user: { name: "Alice Example", email: "alice@example.com" },
      roles: ["Everyone", "admin"],
      logout: { post_logout_redirect_uri: RETURN, id_token_hint: JWT },
      authentication: "basic",
    },
  },
  {
    name: "Google",
    page: "google.md",
    issuerPath: "",
    paths: {
      authorize: "/o/oauth2/v2/auth",
      token: "/token",
      jwks: "/oauth2/v3/certs",
      userinfo: "/v1/userinfo",
      revocation: "/revoke",
    },
    metadata: {
      response_types_supported: ["code", "token", "id_token", "code token", "code id_token", "token id_token", "none"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
      scopes_supported: ["openid", "email", "profile"],
      token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
      code_challenge_methods_supported: ["plain", "S256"],
      grant_types_supported: ["authorization_code", "refresh_token"],
    },
    idToken: (original) => ({
      ...without(original, "auth_time", "acr", "sid"),
      azp: original["aud"],
      hd: "example.com",
      email: "alice@example.com",
      email_verified: true,
      name: "Alice Example",
      given_name: "Alice",
      family_name: "Example",
      picture: "https://lh3.googleusercontent.com/a/x",
      sub: "110169484474386276334",
    }),
    // Refresh responses contain no new refresh token.
    tokenResponse: (original, { isRefresh }) => ({
      ...(isRefresh ? without(original, "refresh_token") : original),
      scope: "openid https://www.googleapis.com/auth/userinfo.profile https://www.googleapis.com/auth/userinfo.email",
    }),
    userinfo: { sub: "110169484474386276334", name: "Alice Example", email: "alice@example.com" },
    expected: {
      user: { name: "Alice Example", email: "alice@example.com" },
      roles: [],
      logout: undefined,
      login: { access_type: "offline", prompt: "consent" },
      authentication: "basic",
    },
  },
  {
    name: "Amazon Cognito",
    page: "cognito.md",
    issuerPath: "/eu-central-1_EXAMPLE",
    paths: {
      authorize: "/oauth2/authorize",
      token: "/oauth2/token",
      jwks: "/eu-central-1_EXAMPLE/.well-known/jwks.json",
      userinfo: "/oauth2/userInfo",
      revocation: "/oauth2/revoke",
      endSession: "/logout",
    },
    metadata: {
      id_token_signing_alg_values_supported: ["RS256"],
      response_types_supported: ["code", "token"],
      scopes_supported: ["openid", "email", "phone", "profile"],
      subject_types_supported: ["public"],
      token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    },
    idToken: (original) => ({
      ...without(original, "acr", "sid"),
      "cognito:groups": ["admin"],
      "cognito:username": "alice",
      email: "alice@example.com",
      email_verified: true,
      name: "Alice Example",
      event_id: "b7b6c1f4-0000-0000-0000-000000000000",
      origin_jti: "a1b2c3d4-0000-0000-0000-000000000000",
      token_use: "id",
      jti: "e1f2a3b4-0000-0000-0000-000000000000",
    }),
    tokenResponse: (original, { isRefresh }) => (isRefresh ? without(original, "refresh_token") : original),
    expected: {
      user: { name: "Alice Example", email: "alice@example.com" },
      roles: ["admin"],
      logout: { client_id: /^cloakroom/, logout_uri: RETURN },
      authentication: "basic",
    },
  },
  {
    name: "Zitadel",
    page: "zitadel.md",
    issuerPath: "",
    paths: {
      authorize: "/oauth/v2/authorize",
      token: "/oauth/v2/token",
      jwks: "/oauth/v2/keys",
      userinfo: "/oidc/v1/userinfo",
      revocation: "/oauth/v2/revoke",
      endSession: "/oidc/v1/end_session",
    },
    metadata: {
      scopes_supported: ["openid", "profile", "email", "phone", "address", "offline_access"],
      response_types_supported: ["code", "id_token", "id_token token"],
      response_modes_supported: ["query", "fragment", "form_post"],
      grant_types_supported: ["authorization_code", "implicit", "refresh_token", "client_credentials"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256", "ES256", "EdDSA"],
      token_endpoint_auth_methods_supported: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
      code_challenge_methods_supported: ["S256"],
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    },
    idToken: (original) => ({
      ...without(original, "acr"),
      aud: [original["aud"], "234567890123456789"],
      azp: original["aud"],
      client_id: original["aud"],
      name: "Alice Example",
      email: "alice@example.com",
      "urn:zitadel:iam:org:project:roles": { admin: { "123456789012345678": "example.zitadel.cloud" } },
      sub: "345678901234567890",
    }),
    tokenResponse: (original) => original,
    expected: {
      user: { name: "Alice Example", email: "alice@example.com" },
      roles: ["admin"],
      logout: { post_logout_redirect_uri: RETURN, id_token_hint: JWT },
      authentication: "basic",
    },
  },
  {
    name: "authentik",
    page: "authentik.md",
    issuerPath: "/application/o/cloakroom/",
    paths: {
      authorize: "/application/o/authorize/",
      token: "/application/o/token/",
      jwks: "/application/o/cloakroom/jwks/",
      userinfo: "/application/o/userinfo/",
      revocation: "/application/o/revoke/",
      endSession: "/application/o/cloakroom/end-session/",
    },
    metadata: {
      response_types_supported: ["code", "id_token", "id_token token", "code token", "code id_token"],
      response_modes_supported: ["query", "fragment", "form_post"],
      grant_types_supported: ["authorization_code", "refresh_token", "implicit", "client_credentials"],
      id_token_signing_alg_values_supported: ["RS256"],
      subject_types_supported: ["public"],
      token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
      acr_values_supported: ["goauthentik.io/providers/oauth2/default"],
      scopes_supported: ["openid", "email", "profile", "offline_access"],
      request_parameter_supported: false,
      code_challenge_methods_supported: ["plain", "S256"],
    },
    idToken: (original) => ({
      ...without(original, "at_hash"),
      acr: "goauthentik.io/providers/oauth2/default",
      email: "alice@example.com",
      email_verified: true,
      name: "Alice Example",
      given_name: "Alice Example",
      preferred_username: "alice",
      nickname: "alice",
      groups: ["authentik Admins", "editors"],
    }),
    tokenResponse: (original) => original,
    expected: {
      user: { name: "Alice Example", email: "alice@example.com" },
      roles: ["authentik Admins", "editors"],
      logout: { post_logout_redirect_uri: RETURN, id_token_hint: JWT },
      authentication: "basic",
    },
  },
  {
    name: "Authelia",
    page: "authelia.md",
    issuerPath: "",
    paths: {
      authorize: "/api/oidc/authorization",
      token: "/api/oidc/token",
      jwks: "/jwks.json",
      userinfo: "/api/oidc/userinfo",
      revocation: "/api/oidc/revocation",
      pushed: "/api/oidc/pushed-authorization-request",
    },
    metadata: {
      subject_types_supported: ["public", "pairwise"],
      response_types_supported: ["code", "id_token", "token", "code id_token", "code token", "id_token token"],
      response_modes_supported: ["form_post", "query", "fragment", "jwt", "form_post.jwt", "query.jwt", "fragment.jwt"],
      scopes_supported: ["offline_access", "openid", "profile", "groups", "email"],
      token_endpoint_auth_methods_supported: [
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "none",
      ],
      code_challenge_methods_supported: ["S256"],
      id_token_signing_alg_values_supported: ["RS256", "none"],
      require_pushed_authorization_requests: false,
      authorization_response_iss_parameter_supported: true,
    },
    // Claims are at userinfo only.
    idToken: (original) => ({
      ...without(original, "acr", "sid"),
      amr: ["pwd", "otp", "mfa"],
      azp: original["aud"],
      client_id: original["aud"],
      jti: "d8b5c6f0-0000-0000-0000-000000000000",
      rat: original["iat"],
    }),
    tokenResponse: (original) => ({ ...original, scope: "openid profile email groups offline_access" }),
    userinfo: {
      sub: "alice",
      name: "Alice Example",
      email: "alice@example.com",
      email_verified: true,
      preferred_username: "alice",
      groups: ["admins"],
    },
    expected: {
      user: { name: "Alice Example", email: "alice@example.com" },
      roles: ["admins"],
      logout: undefined,
      authentication: "basic",
    },
  },
];

export type RunningStandIn = {
  provider: HostileProvider;
  /** Requests to the revocation and end-session endpoints, and to `/up` (the stand-in for an API). */
  received: { path: string; query: URLSearchParams; authorization: string | undefined }[];
};

/** Starts the stand-in. Access tokens are valid for `accessTokenSeconds`. */
export async function startProviderStandIn(
  { issuerPath, paths, metadata, idToken, tokenResponse, userinfo, keysWithout = [] }: ProviderStandIn,
  accessTokenSeconds: number,
): Promise<RunningStandIn> {
  const received: RunningStandIn["received"] = [];
  const beside = (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://stand-in");
    received.push({ path: pathname, query: searchParams, authorization: request.headers.authorization });
    response.setHeader("content-type", "application/json").end("{}");
  };
  const provider = await startHostileProvider({
    path: issuerPath,
    paths: {
      [paths.authorize]: "/authorize",
      [paths.token]: "/token",
      [paths.jwks]: "/jwks",
      ...(paths.userinfo === undefined ? {} : { [paths.userinfo]: "/userinfo" }),
      ...(paths.pushed === undefined ? {} : { [paths.pushed]: "/pushed" }),
    },
    beside,
  });
  const { origin } = new URL(provider.issuer);
  const endpoint = (name: string, path: string | undefined): Members =>
    path === undefined ? {} : { [name]: origin + path };
  provider.overrides = {
    metadata: () => ({
      ...metadata,
      issuer: provider.issuer,
      ...endpoint("authorization_endpoint", paths.authorize),
      ...endpoint("token_endpoint", paths.token),
      ...endpoint("jwks_uri", paths.jwks),
      ...endpoint("userinfo_endpoint", paths.userinfo),
      ...endpoint("revocation_endpoint", paths.revocation),
      ...endpoint("end_session_endpoint", paths.endSession),
      ...endpoint("pushed_authorization_request_endpoint", paths.pushed),
    }),
    claims: idToken,
    token: (original) =>
      tokenResponse(
        { ...original, expires_in: accessTokenSeconds },
        { isRefresh: provider.lastTokenRequest().body.get("grant_type") === "refresh_token" },
      ),
    jwks: (keys) => keys.map((key) => without(key, ...keysWithout)),
    authorizationResponse: (original) =>
      metadata["authorization_response_iss_parameter_supported"] === true ? original : without(original, "iss"),
    ...(userinfo === undefined ? {} : { userinfo: () => userinfo }),
  };
  return { provider, received };
}
