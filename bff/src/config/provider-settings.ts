// Settings of the OpenID Provider, their part of the configuration, and the rules that involve several of them.
import { z } from "zod";
import { KEYCLOAK_ADMIN_SETTINGS, keycloakAdminErrors } from "./keycloak-admin.ts";
import { loginParameterList } from "./login-parameter-list.ts";
import { logoutParameterList } from "./logout-parameter-list.ts";
import type { ClaimPath } from "../lib/claim-path.ts";
import {
  CLIENT_AUTH_SETTINGS,
  clientAuthConfig,
  clientAuthErrors,
  type ClientAuthConfig,
} from "./client-auth-settings.ts";
import { parseCertificates } from "./client-keys.ts";
import { PROXY_SETTINGS, proxyConfig, type ProxyConfig } from "./outbound-proxy.ts";
import {
  claimPaths,
  fileForms,
  filePath,
  httpUrl,
  issuer,
  text,
  wholeNumber,
  wordList,
  type Setting,
} from "./setting-shapes.ts";
import { PROTOCOL_SETTINGS } from "./protocol-settings.ts";
import { FAPI_CLIENT_ALGS, type SecurityProfile } from "./security-profile.ts";
import { readTextFile } from "./setting-text.ts";
import { TENANT_SETTINGS, tenantErrors, tenantsOf, type Tenants } from "./tenants.ts";

export const PROVIDER_SETTINGS = {
  OIDC_ISSUER: {
    path: "provider.issuer",
    scope: "application",
    schema: issuer,
    required: true,
    meaning: "Issuer URL of the provider, exactly as in its discovery document; http only if PUBLIC_ORIGIN is loopback",
  },
  ...TENANT_SETTINGS,
  OIDC_INTERNAL_URL: {
    path: "provider.internalUrl",
    scope: "application",
    schema: httpUrl,
    meaning: "Base URL under which the gateway reaches the provider, if it differs from the browsers' URL",
  },
  OIDC_CLIENT_ID: {
    path: "provider.clientId",
    scope: "application",
    schema: text,
    required: true,
    meaning: "Client id at the provider",
  },
  ...CLIENT_AUTH_SETTINGS,
  ...PROXY_SETTINGS,
  OIDC_CA_FILE: {
    path: "provider.caFile",
    scope: "application",
    schema: filePath,
    meaning:
      "PEM file with CAs that are trusted for requests to the provider, besides the public ones. Read again when it changes",
  },
  OIDC_SCOPE: {
    path: "provider.scope",
    scope: "application",
    schema: z
      .string()
      .refine((value) => value.split(" ").includes("openid"), 'must contain "openid"')
      .register(fileForms, { kind: "list", separator: " " }),
    default: "openid profile email",
    meaning: "Scopes requested at login, separated by spaces",
  },
  OIDC_RESOURCE: {
    path: "provider.resource",
    scope: "application",
    schema: httpUrl,
    meaning: "Resource indicator (RFC 8707) sent with logins and refreshes, for providers that require one",
  },
  ...PROTOCOL_SETTINGS,
  OIDC_ROLES_CLAIM: {
    path: "provider.rolesClaim",
    scope: "application",
    schema: claimPaths,
    default: "roles",
    meaning:
      'Claims with the user\'s roles: names such as `realm_access.roles` (the claim of exactly this name, otherwise dots separate nested members), JSON Pointers, or a JSON array of names such as `["resource_access","my.client","roles"]`; several separated by blanks, their roles are merged',
  },
  OIDC_USERINFO: {
    path: "provider.userinfo",
    scope: "application",
    schema: z.enum(["auto", "always", "off"], { error: "must be auto, always or off" }),
    default: "auto",
    meaning:
      "Claims from the userinfo endpoint. `auto`: requested where the ID token has no roles (OIDC_ROLES_CLAIM), lacks `name` or `email` although the scope `profile` or `email` was granted, or lacks a claim of `identityHeaders` or `requiredClaims`; `always`: at every login and refresh; `off`: never",
  },
  OIDC_AUDIENCES: {
    path: "provider.audiences",
    scope: "application",
    schema: wordList,
    meaning:
      "Further audiences that ID tokens may name beside OIDC_CLIENT_ID, separated by blanks or commas; an ID token for any other audience is rejected",
  },
  OIDC_ACCESS_TOKEN_SECONDS: {
    path: "provider.accessTokenSeconds",
    scope: "application",
    schema: wholeNumber(10, 86_400),
    default: "3600",
    meaning:
      "Assumed lifetime of an access token, in seconds, if the token response has no `expires_in` and the token no `exp`",
  },
  OIDC_LOGIN_PARAMETERS: {
    path: "provider.loginParameters",
    scope: "application",
    schema: loginParameterList,
    default: "",
    meaning:
      "Further parameters of every authorization request, form-encoded, e.g. `audience=https%3A%2F%2Fapi.example.com&access_type=offline`; parameters of a link to /bff/login take precedence",
  },
  OIDC_LOGOUT_PARAMETERS: {
    path: "provider.logoutParameters",
    scope: "application",
    schema: logoutParameterList,
    default: "",
    meaning:
      "Further parameters of every logout request, form-encoded; `{return_uri}` stands for PUBLIC_ORIGIN/bff/logout/return. Amazon Cognito: `logout_uri={return_uri}`",
  },
  OIDC_TIMEOUT_SECONDS: {
    path: "provider.timeoutSeconds",
    scope: "application",
    schema: wholeNumber(1, 60),
    default: "10",
    meaning: "Time-out of a request to the provider, in seconds",
  },
  REFRESH_RATE_PER_SECOND: {
    path: "provider.refreshesPerSecond",
    scope: "application",
    schema: wholeNumber(0, 10_000),
    default: "100",
    meaning: "At most this many token refreshes per second, over all instances of the application; 0: no limit",
  },
  ...KEYCLOAK_ADMIN_SETTINGS,
} as const satisfies Record<string, Setting>;

type ProviderSettingName = keyof typeof PROVIDER_SETTINGS;
type Values = { [N in ProviderSettingName]?: z.output<(typeof PROVIDER_SETTINGS)[N]["schema"]> };

export type SenderConstrained = "off" | "dpop" | "mtls";

export type ProviderConfig = Readonly<{
  issuer: string;
  /** Undefined: `issuer` is the issuer of all tokens. */
  tenants: Tenants | undefined;
  internalUrl: string | undefined;
  clientId: string;
  /** Undefined if the method of client authentication uses none. */
  clientSecret: string | undefined;
  clientAuth: ClientAuthConfig;
  /** PEM file with CAs besides the public ones. */
  caFile: string | undefined;
  proxy: ProxyConfig;
  scope: string;
  resource: string | undefined;
  idTokenAlg: string;
  profile: SecurityProfile | undefined;
  /** Pushed authorization requests (RFC 9126). */
  par: "auto" | "required" | "off";
  /** Claims with roles. */
  rolePaths: readonly ClaimPath[];
  /** Claims of `identityHeaders` and `requiredClaims`, requested from userinfo if the ID token lacks them. */
  identityPaths: readonly ClaimPath[];
  userinfo: "auto" | "always" | "off";
  /** Trusted audiences of ID tokens beside the client id. */
  audiences: readonly string[];
  /** RFC 9207; `auto`: required if the metadata says so. */
  responseIss: "auto" | "required" | "optional";
  /** Lifetime of an access token that states none. */
  assumedLifetimeSeconds: number;
  /** Signed authorization requests (JAR). */
  signedRequest: boolean;
  /** Signed authorization responses (JARM). */
  signedResponse: boolean;
  /** Whether logout tokens must have `typ: logout+jwt`. */
  logoutTokenTypRequired: boolean;
  /** Further parameters of every authorization request. */
  loginParameters: Readonly<Record<string, string>>;
  /** May contain `{return_uri}`. */
  logoutParameters: Readonly<Record<string, string>>;
  /** How access tokens are bound to a key of the gateway. */
  senderConstrained: SenderConstrained;
  timeoutMs: number;
  /** Rate limit over all instances; 0: no limit. */
  refreshesPerSecond: number;
}>;

type Required = Pick<ProviderConfig, "issuer" | "clientId">;
/** @returns the path in NAME_FILE, undefined if the value is set directly or not at all */
type FileOf = (name: ProviderSettingName) => string | undefined;

export function providerConfig(values: Values, required: Required, fileOf: FileOf): ProviderConfig {
  return {
    ...required,
    tenants: tenantsOf(required.issuer, values.OIDC_TENANTS),
    clientSecret: values.OIDC_CLIENT_SECRET,
    clientAuth: clientAuthConfig(
      values,
      fileOf("OIDC_CLIENT_SECRET"),
      values.OIDC_PROFILE === undefined ? undefined : FAPI_CLIENT_ALGS,
    ),
    caFile: values.OIDC_CA_FILE,
    proxy: proxyConfig(values),
    internalUrl: values.OIDC_INTERNAL_URL,
    scope: values.OIDC_SCOPE ?? "",
    resource: values.OIDC_RESOURCE,
    idTokenAlg: values.OIDC_ID_TOKEN_ALG ?? "",
    profile: values.OIDC_PROFILE,
    par: values.OIDC_PAR ?? "auto",
    rolePaths: values.OIDC_ROLES_CLAIM ?? [],
    identityPaths: [],
    userinfo: values.OIDC_USERINFO ?? "auto",
    audiences: values.OIDC_AUDIENCES ?? [],
    responseIss: values.OIDC_RESPONSE_ISS ?? "auto",
    assumedLifetimeSeconds: values.OIDC_ACCESS_TOKEN_SECONDS ?? 3_600,
    signedRequest: values.OIDC_SIGNED_REQUEST === "on",
    signedResponse: values.OIDC_SIGNED_RESPONSE === "on",
    logoutTokenTypRequired: values.OIDC_LOGOUT_TOKEN_TYP !== "optional",
    loginParameters: values.OIDC_LOGIN_PARAMETERS ?? {},
    logoutParameters: values.OIDC_LOGOUT_PARAMETERS ?? {},
    senderConstrained: values.OIDC_SENDER_CONSTRAINED ?? "off",
    timeoutMs: (values.OIDC_TIMEOUT_SECONDS ?? 0) * 1000,
    refreshesPerSecond: values.REFRESH_RATE_PER_SECOND ?? 0,
  };
}

/** @param isSet true for invalid values too, so that their own error is the only one reported */
export function providerErrors(values: Values, isSet: (name: ProviderSettingName) => boolean): string[] {
  return [
    ...clientAuthErrors(values, isSet),
    ...tenantErrors(values.OIDC_ISSUER, isSet("OIDC_TENANTS")),
    ...signingErrors(values, isSet),
    ...caErrors(values.OIDC_CA_FILE),
    ...bindingErrors(values, isSet),
    ...keycloakAdminErrors(values, isSet),
  ];
}

function signingErrors(values: Values, isSet: (name: ProviderSettingName) => boolean): string[] {
  if (values.OIDC_SIGNED_REQUEST !== "on" || isSet("OIDC_CLIENT_KEY_FILE")) return [];
  return [
    "OIDC_SIGNED_REQUEST=on needs OIDC_CLIENT_KEY_FILE, the key that signs. Set it, or set OIDC_SIGNED_REQUEST=off.",
  ];
}

function bindingErrors(values: Values, isSet: (name: ProviderSettingName) => boolean): string[] {
  if (values.OIDC_SENDER_CONSTRAINED !== "mtls") return [];
  if (!isSet("OIDC_CLIENT_CERT_FILE"))
    return ["OIDC_CLIENT_CERT_FILE is required by OIDC_SENDER_CONSTRAINED=mtls. Set it, and OIDC_CLIENT_KEY_FILE."];
  if (values.OIDC_ISSUER?.startsWith("http:") !== true) return [];
  return ["OIDC_SENDER_CONSTRAINED=mtls needs an https OIDC_ISSUER: the certificate is part of TLS. Use dpop."];
}

function caErrors(file: string | undefined): string[] {
  if (file === undefined) return [];
  const content = readTextFile(file);
  const parsed = "fault" in content ? content : parseCertificates(content.text);
  return "fault" in parsed ? [`OIDC_CA_FILE ${parsed.fault}.`] : [];
}
