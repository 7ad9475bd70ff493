// The end of a session at the provider: revocation (RFC 7009) and RP-initiated logout (OIDC RP-Initiated Logout 1.0).
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import type { ProviderConnection } from "./provider-connection.ts";

export type EndSession = {
  /** RFC 7009. @returns whether the provider confirmed the revocation. Never throws. */
  revoke(refreshToken: string): Promise<boolean>;
  /**
   * Whether the end of the session at the provider also ends its refresh token, so that no revocation is needed. Required
   * by OIDC Back-Channel Logout 1.0 §2.7 for tokens without `offline_access`.
   */
  endsTokensWithSession(grantedScope: string): boolean;
  /** @returns undefined if the provider has no end-session endpoint, or discovery has not succeeded yet */
  endSessionUrl(idToken: string): URL | undefined;
};

type Dependencies = {
  config: Pick<ProviderConfig, "scope">;
  connect: ProviderConnection;
  postLogoutRedirectUri: string;
};

export function createEndSession({ config, connect, postLogoutRedirectUri }: Dependencies): EndSession {
  return {
    async revoke(refreshToken) {
      try {
        const { configuration } = await connect();
        if (configuration.serverMetadata().revocation_endpoint === undefined) return false;
        await oidc.tokenRevocation(configuration, refreshToken, { token_type_hint: "refresh_token" });
        return true;
      } catch {
        return false;
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
    endSessionUrl(idToken) {
      const configuration = connect.known()?.configuration;
      if (configuration?.serverMetadata().end_session_endpoint === undefined) return undefined;
      return oidc.buildEndSessionUrl(configuration, {
        post_logout_redirect_uri: postLogoutRedirectUri,
        ...(idToken === "" ? {} : { id_token_hint: idToken }),
      });
    },
  };
}
