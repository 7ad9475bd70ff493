// Authorization responses: plain (RFC 6749 §4.1.2, RFC 9207) or signed (JARM, query.jwt).
import type * as oidc from "openid-client";
import { decodeJwt, errors, type JWTPayload } from "jose";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { CLOCK_TOLERANCE_SECONDS } from "./clock-skew.ts";
import { isOwnIssuer, issuerOption } from "./issuers.ts";
import { misconfigured } from "./misconfigured.ts";
import type { ProviderConnection } from "./provider-connection.ts";

export type AuthorizationResponse = {
  /**
   * The parameters before the signature is verified. Only to find the login attempt of this browser, so that a forged
   * response causes no request for keys; nothing else may be decided by them.
   */
  unverified: URLSearchParams;
  /**
   * @returns the parameters of the response, to be used in place of the query
   * @throws GatewayError login_failed for an invalid signed response; provider_unavailable without the provider's keys
   */
  verified(): Promise<URLSearchParams>;
};

export type AuthorizationResponses = {
  /** @throws GatewayError login_failed for a plain response with OIDC_SIGNED_RESPONSE=on, and a signed one without */
  readResponse(query: URLSearchParams): AuthorizationResponse;
};

type Dependencies = {
  config: Pick<ProviderConfig, "issuer" | "tenants" | "clientId" | "idTokenAlg" | "signedResponse">;
  connect: ProviderConnection;
};

export function createAuthorizationResponses({ config, connect }: Dependencies): AuthorizationResponses {
  const verify = async (jwt: string): Promise<URLSearchParams> => {
    const connection = await connect();
    try {
      const claims = await connection.verify(jwt, {
        ...issuerOption(config),
        audience: config.clientId,
        // Our setting, never the provider's list.
        algorithms: [config.idTokenAlg],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ["iss", "aud", "exp"],
      });
      if (!isOwnIssuer(claims.iss, config))
        throw rejected("signed authorization response rejected: iss is another issuer");
      return parametersOf(claims);
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      const code = error instanceof errors.JOSEError ? error.code : "unreadable";
      throw rejected(`signed authorization response rejected: ${code}`, error);
    }
  };
  return {
    readResponse(query) {
      const jwt = query.get("response");
      if (config.signedResponse) {
        // Attack: a plain response beside or in place of the signed one (JARM §2.4).
        if (jwt === null || query.size > 1)
          throw rejected("the authorization response is not signed, and OIDC_SIGNED_RESPONSE is on");
        return { unverified: unverifiedOf(jwt), verified: () => verify(jwt) };
      }
      if (jwt !== null) throw rejected("the authorization response is signed, and OIDC_SIGNED_RESPONSE is off");
      return { unverified: query, verified: () => Promise.resolve(query) };
    },
  };
}

/** Members of an authorization response that the gateway reads. Others, such as `aud` and `exp`, are of the JWT. */
const PARAMETERS = ["state", "code", "iss", "error", "error_description"] as const;

function parametersOf(claims: JWTPayload): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const name of PARAMETERS) if (typeof claims[name] === "string") parameters.set(name, claims[name]);
  return parameters;
}

function unverifiedOf(jwt: string): URLSearchParams {
  try {
    return parametersOf(decodeJwt(jwt));
  } catch (error) {
    throw rejected("signed authorization response rejected: it is no JWT", error);
  }
}

/** @throws GatewayError login_failed if the provider's metadata says that it signs no responses */
export function signedResponseMode(metadata: oidc.ServerMetadata): string {
  const modes = metadata.response_modes_supported;
  if (modes === undefined || modes.includes("jwt")) return "jwt";
  if (modes.includes("query.jwt")) return "query.jwt";
  throw misconfigured(
    "OIDC_SIGNED_RESPONSE is on, but the provider does not sign authorization responses (JARM): its response_modes_supported has neither jwt nor query.jwt. Switch them on there, or set it to off",
  );
}

function rejected(reason: string, cause?: unknown): GatewayError {
  return new GatewayError("login_failed", { reason, ...(cause === undefined ? {} : { cause }) });
}
