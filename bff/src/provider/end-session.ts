// The end of a session at the provider: revocation (RFC 7009) and RP-initiated logout (OIDC RP-Initiated Logout 1.0).
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { RETURN_URI } from "../config/logout-parameter-list.ts";
import type { ConfigurationErrors } from "./configuration-errors.ts";
import type { ProviderConnection } from "./provider-connection.ts";

export type EndSessionRequest = {
  /** Empty: without a hint; the provider may ask the user for a confirmation. */
  idToken: string;
  state: string;
};

export type RevocationOutcome = "revoked" | "failed" | "unsupported";

export type EndSession = {
  /** RFC 7009. `unsupported`: the provider has no revocation endpoint. Never throws. */
  revoke(refreshToken: string): Promise<RevocationOutcome>;
  /**
   * Whether the end of the session at the provider also ends its refresh token, so that no revocation is needed. Required
   * by OIDC Back-Channel Logout 1.0 §2.7 for tokens without `offline_access`.
   */
  endsTokensWithSession(grantedScope: string): boolean;
  /** @throws GatewayError provider_unavailable if discovery has not succeeded yet */
  hasEndSession(): Promise<boolean>;
  /**
   * @returns undefined if the provider has no end-session endpoint
   * @throws GatewayError provider_unavailable if discovery has not succeeded yet
   */
  endSessionUrl(request: EndSessionRequest): Promise<URL | undefined>;
};

type Dependencies = {
  config: Pick<ProviderConfig, "scope" | "logoutParameters">;
  connect: ProviderConnection;
  postLogoutRedirectUri: string;
  faults: ConfigurationErrors;
};

export function createEndSession({ config, connect, postLogoutRedirectUri, faults }: Dependencies): EndSession {
  const furtherParameters = Object.fromEntries(
    Object.entries(config.logoutParameters).map(([name, value]) => [
      name,
      value.replaceAll(RETURN_URI, postLogoutRedirectUri),
    ]),
  );
  return {
    async revoke(refreshToken) {
      try {
        const { configuration } = await connect();
        if (configuration.serverMetadata().revocation_endpoint === undefined) return "unsupported";
        await oidc.tokenRevocation(configuration, refreshToken, { token_type_hint: "refresh_token" });
        faults.succeeded("revocation");
        return "revoked";
      } catch (error) {
        faults.failed("revocation", error);
        return "failed";
      }
    },
    endsTokensWithSession(grantedScope) {
      const metadata = connect.known()?.configuration.serverMetadata();
      const isOffline = `${config.scope} ${grantedScope}`.split(" ").includes("offline_access");
      return (
        metadata?.end_session_endpoint !== undefined &&
        metadata.backchannel_logout_session_supported === true &&
        !isOffline
      );
    },
    async hasEndSession() {
      const { configuration } = await connect();
      return configuration.serverMetadata().end_session_endpoint !== undefined;
    },
    async endSessionUrl({ idToken, state }) {
      const { configuration } = await connect();
      if (configuration.serverMetadata().end_session_endpoint === undefined) return undefined;
      // openid-client adds `client_id`, which identifies us where there is no hint (§2).
      return oidc.buildEndSessionUrl(configuration, {
        ...furtherParameters,
        post_logout_redirect_uri: postLogoutRedirectUri,
        state,
        ...(idToken === "" ? {} : { id_token_hint: idToken }),
      });
    },
  };
}
