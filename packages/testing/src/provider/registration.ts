// Clients in the library's words, and ending a user's sessions at all of them.
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
    // The library takes a secret from the header and from the form alike, whichever of the two stands here.
    token_endpoint_auth_method: "client_secret_basic",
    id_token_signed_response_alg: "RS256",
    // So that every ID token says when and how strongly, not only after `max_age` or `acr_values`.
    require_auth_time: true,
    default_acr_values: ["1"],
    ...(client.backchannelLogoutUri === undefined
      ? {}
      : { backchannel_logout_uri: client.backchannelLogoutUri, backchannel_logout_session_required: true }),
  };
}

/** The typings know only what the library documents. */
type LogoutSender = Client & { backchannelLogout(sub: string, sid: string | undefined): Promise<void> };

type Parts = { sub: string; provider: Provider; storage: ProviderStorage; onUndelivered: () => void };

/** @returns how many sessions ended; a client that cannot be told does not keep the session alive */
export async function endSessionsOf({ sub, provider, storage, onUndelivered }: Parts): Promise<number> {
  const sessions = storage.sessionsOf(sub);
  for (const session of sessions) {
    storage.endSession(session);
    for (const [clientId, { sid }] of Object.entries(session.authorizations)) {
      const client = (await provider.Client.find(clientId)) as LogoutSender | undefined;
      if (client?.backchannelLogoutUri !== undefined) await client.backchannelLogout(sub, sid).catch(onUndelivered);
    }
  }
  return sessions.length;
}
