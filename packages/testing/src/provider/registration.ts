// Client metadata for oidc-provider, and ending all sessions of a user with back-channel logout.
import type { AdapterPayload, Client, Provider } from "oidc-provider";
import type { ProviderStorage } from "./storage.ts";
import { TOKEN_EXCHANGE } from "./token-exchange.ts";
import type { ProviderClient } from "./types.ts";

export function toClientMetadata(client: ProviderClient): AdapterPayload {
  const grantTypes = ["authorization_code", "refresh_token"];
  if (client.allowClientCredentials === true) grantTypes.push("client_credentials");
  if (client.exchangeAudiences !== undefined) grantTypes.push(TOKEN_EXCHANGE);
  return {
    client_id: client.clientId,
    client_secret: client.clientSecret,
    client_name: client.clientName ?? client.clientId,
    redirect_uris: client.redirectUris,
    post_logout_redirect_uris: client.postLogoutRedirectUris ?? [],
    grant_types: grantTypes,
    response_types: ["code"],
    // The library accepts client_secret_post too.
    token_endpoint_auth_method: "client_secret_basic",
    id_token_signed_response_alg: "RS256",
    // Adds auth_time and acr to every ID token, also without `max_age` and `acr_values`.
    require_auth_time: true,
    default_acr_values: ["1"],
    dpop_bound_access_tokens: client.dpopBoundAccessTokens ?? false,
    ...fapiMetadata(client.fapi),
    ...(client.backchannelLogoutUri === undefined
      ? {}
      : { backchannel_logout_uri: client.backchannelLogoutUri, backchannel_logout_session_required: true }),
  };
}

function fapiMetadata(fapi: ProviderClient["fapi"]): AdapterPayload {
  if (fapi === undefined) return {};
  return {
    client_secret: undefined,
    token_endpoint_auth_method: "private_key_jwt",
    jwks: { keys: fapi.publicKeys },
    id_token_signed_response_alg: "PS256",
    require_pushed_authorization_requests: true,
    dpop_bound_access_tokens: true,
    ...(fapi.messageSigning ? { require_signed_request_object: true, authorization_signed_response_alg: "PS256" } : {}),
  };
}

/** `backchannelLogout` is missing in the types. */
type LogoutClient = Client & { backchannelLogout(sub: string, sid: string | undefined): Promise<void> };

type EndSessionsOptions = {
  sub: string;
  provider: Provider;
  storage: ProviderStorage;
  notifyClients: boolean;
  onDeliveryFailed: () => void;
};

/** @returns the number of ended sessions; a failed logout request does not keep its session */
export async function endUserSessions({
  sub,
  provider,
  storage,
  notifyClients,
  onDeliveryFailed,
}: EndSessionsOptions): Promise<number> {
  const sessions = storage.sessionsOf(sub);
  for (const session of sessions) {
    storage.endSession(session);
    if (!notifyClients) continue;
    for (const [clientId, { sid }] of Object.entries(session.authorizations)) {
      const client = (await provider.Client.find(clientId)) as LogoutClient | undefined;
      if (client?.backchannelLogoutUri !== undefined) await client.backchannelLogout(sub, sid).catch(onDeliveryFailed);
    }
  }
  return sessions.length;
}
