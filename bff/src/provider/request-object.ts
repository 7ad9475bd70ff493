// Signed authorization requests (JAR, RFC 9101): the parameters as a JWT signed with the client's key.
import * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { ClientAuthentication } from "./client-authentication.ts";
import { misconfigured } from "./misconfigured.ts";
import type { Parameters } from "./pushed-request.ts";
import { SIGNED_REQUEST_REQUIRED } from "./setting-sentences.ts";

/** The URL is sent in a `Location` header; nginx accepts a response head of 4 kB by default. */
const MAX_SIGNED_URL_CHARS = 3_400;

const NOT_BEFORE_SECONDS = 30;

export type RequestObjects = {
  /**
   * @returns the parameters to push: with OIDC_SIGNED_REQUEST=on a `request`, otherwise the same
   * @throws GatewayError login_failed with the setting if the provider's metadata contradicts it; provider_unavailable if
   * the key cannot be read
   */
  sign(configuration: oidc.Configuration, parameters: Parameters): Promise<Parameters>;
  /**
   * @returns the URL of a request that is not pushed
   * @throws GatewayError request_malformed if it is too long; login_failed if the provider accepts pushed requests only
   */
  plainUrl(configuration: oidc.Configuration, parameters: Parameters): URL;
};

type Dependencies = {
  config: Pick<ProviderConfig, "signedRequest" | "scope">;
  signingKey: ClientAuthentication["signingKey"];
};

export function createRequestObjects({ config, signingKey }: Dependencies): RequestObjects {
  return {
    async sign(configuration, parameters) {
      const metadata = configuration.serverMetadata();
      if (!config.signedRequest) {
        if (metadata.require_signed_request_object === true) throw misconfigured(SIGNED_REQUEST_REQUIRED);
        return parameters;
      }
      const listed = metadata.request_object_signing_alg_values_supported;
      const { key, kid, alg } = await signingKey(listed);
      if (listed !== undefined && !listed.includes(alg))
        throw misconfigured(
          `OIDC_SIGNED_REQUEST is on with ${alg}, which the provider does not list in request_object_signing_alg_values_supported. Set OIDC_CLIENT_ALG to one that it lists, or change the key of OIDC_CLIENT_KEY_FILE`,
        );
      const modify = (header: Record<string, unknown>, payload: Record<string, unknown>): void => {
        header["alg"] = alg;
        // FAPI 2.0 Message Signing §5.3.2 requires nbf; a provider whose clock is behind ours would reject it.
        payload["nbf"] = Number(payload["iat"]) - NOT_BEFORE_SECONDS;
      };
      const url = await oidc.buildAuthorizationUrlWithJAR(
        configuration,
        { ...parameters },
        { key, kid },
        { [oidc.modifyAssertion]: modify },
      );
      return { request: url.searchParams.get("request") ?? "" };
    },
    plainUrl(configuration, parameters) {
      if (!config.signedRequest) return oidc.buildAuthorizationUrl(configuration, { ...parameters });
      if (configuration.serverMetadata().request_parameter_supported === false)
        throw misconfigured(
          "OIDC_SIGNED_REQUEST is on, but the provider accepts signed requests only if they are pushed (request_parameter_supported is false). Allow pushed authorization requests there",
        );
      // OIDC Core 1.0 §6.1 requires these two beside the request object; the provider uses those inside (RFC 9101 §6.3).
      const url = oidc.buildAuthorizationUrl(configuration, {
        ...parameters,
        response_type: "code",
        scope: config.scope,
      });
      if (url.href.length <= MAX_SIGNED_URL_CHARS) return url;
      throw new GatewayError("request_malformed", {
        reason: `the signed authorization request has ${url.href.length} characters. Use a shorter return path, or a provider with pushed authorization requests`,
      });
    },
  };
}
