// Repeats a request whose endpoint or client authentication has changed at the provider. Only requests that failed before
// the provider processed them are repeated, so no code and no refresh token is spent twice (I4).
import type * as oidc from "openid-client";
import { neverSentCode } from "../lib/network-errors.ts";
import type { AuthenticateClient } from "./client-authentication.ts";
import type { ProviderFetch } from "./provider-fetch.ts";

/** How requests of one connection are addressed and authenticated. */
export type RequestContext = {
  metadata: oidc.ServerMetadata;
  clientId: string;
  authenticate: AuthenticateClient;
  /** RFC 8705 §5. */
  useAliases: boolean;
};

/** The endpoint does not exist, or does not accept this method. */
const NO_ENDPOINT: ReadonlySet<number> = new Set([404, 405, 410]);
const CREDENTIALS = ["client_secret", "client_assertion", "client_assertion_type"] as const;

/** @param renew reads the metadata again. @returns undefined if nothing has changed */
export function repeatWithNewMetadata(
  fetch: ProviderFetch,
  context: RequestContext,
  renew: (used: RequestContext) => Promise<RequestContext | undefined>,
): ProviderFetch {
  return async function sendRepeated(url, init) {
    const attempt = await fetch(url, init).then(
      (response) => ({ response }),
      (error: unknown) => ({ error }),
    );
    const failure = await failureOf(attempt);
    if (failure !== undefined) {
      const renewed = (await renew(context)) ?? context;
      const repeated = hasProof(init) ? undefined : await repeatedRequest({ url, init, failure }, context, renewed);
      if (repeated !== undefined) return fetch(repeated.url, repeated.init);
    }
    if ("error" in attempt) throw attempt.error;
    return attempt.response;
  };
}

/** A DPoP proof is for one URL and is used once (RFC 9449 §4.2): the next request uses the new metadata. */
function hasProof({ headers }: RequestInit): boolean {
  return new Headers(headers).has("dpop");
}

type Failure = "endpoint" | "client";

async function failureOf(attempt: { response: Response } | { error: unknown }): Promise<Failure | undefined> {
  if ("error" in attempt) return neverSentCode(attempt.error) === undefined ? undefined : "endpoint";
  const { status } = attempt.response;
  if (NO_ENDPOINT.has(status)) return "endpoint";
  if (status !== 400 && status !== 401) return undefined;
  // RFC 6749 §5.2: the provider authenticates the client before it processes the grant.
  const body: unknown = await attempt.response
    .clone()
    .json()
    .catch(() => undefined);
  const code = typeof body === "object" && body !== null && "error" in body ? body.error : undefined;
  return code === "invalid_client" ? "client" : undefined;
}

type FailedRequest = { url: string; init: RequestInit; failure: Failure };

/** @returns the request with its new address and new credentials, undefined if neither differs */
async function repeatedRequest(
  { url, init, failure }: FailedRequest,
  used: RequestContext,
  renewed: RequestContext,
): Promise<Pick<FailedRequest, "url" | "init"> | undefined> {
  const endpoint = endpointOf(url, used);
  if (endpoint === undefined) return undefined;
  const target = addressOf(endpoint, renewed);
  if (target === undefined) return undefined;
  const isMoved = new URL(target).href !== new URL(url).href;
  const { body } = init;
  const headers = new Headers(init.headers);
  // Only requests of the client itself have a form body; userinfo is authorized by the user's token.
  if (!(body instanceof URLSearchParams)) return isMoved ? { url: target, init } : undefined;
  const form = new URLSearchParams(body);
  for (const name of CREDENTIALS) form.delete(name);
  headers.delete("authorization");
  await renewed.authenticate(renewed.metadata, { client_id: renewed.clientId }, form, headers);
  const isReauthenticated = credentialsOf(form, headers) !== credentialsOf(body, new Headers(init.headers));
  if (!isMoved && !(failure === "client" && isReauthenticated)) return undefined;
  return { url: target, init: { ...init, body: form, headers } };
}

/** Without the parts of an assertion that differ each time. */
function credentialsOf(form: URLSearchParams, headers: Headers): string {
  const assertion = form.get("client_assertion")?.split(".")[0];
  return JSON.stringify([headers.get("authorization"), form.get("client_secret"), assertion]);
}

const ENDPOINTS = [
  "token_endpoint",
  "pushed_authorization_request_endpoint",
  "revocation_endpoint",
  "introspection_endpoint",
  "userinfo_endpoint",
] as const;
type Endpoint = (typeof ENDPOINTS)[number];

function endpointOf(url: string, context: RequestContext): Endpoint | undefined {
  const { href } = new URL(url);
  return ENDPOINTS.find((endpoint) => {
    const address = addressOf(endpoint, context);
    return address !== undefined && new URL(address).href === href;
  });
}

/** As openid-client selects it. */
function addressOf(endpoint: Endpoint, { metadata, useAliases }: RequestContext): string | undefined {
  return (useAliases ? metadata.mtls_endpoint_aliases?.[endpoint] : undefined) ?? metadata[endpoint];
}
