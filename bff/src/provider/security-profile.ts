// What a provider's metadata must offer for OIDC_PROFILE (FAPI 2.0 Security Profile §5.3.2, Message Signing §5.3 and §5.4).
import type * as oidc from "openid-client";
import type { ProviderConfig } from "../config/config.ts";
import { FAPI_ALGS } from "../config/security-profile.ts";
import { DPOP_ALG } from "./dpop.ts";
import { misconfigured } from "./misconfigured.ts";

export type ProfileConfig = Pick<ProviderConfig, "profile" | "idTokenAlg" | "senderConstrained" | "clientAuth">;

type Metadata = Readonly<oidc.ServerMetadata>;

/** @throws GatewayError login_failed with one sentence that lists all that the metadata lacks */
export function requireProfile(metadata: Metadata, config: ProfileConfig): void {
  if (config.profile === undefined) return;
  const missing = [
    ...missingForSecurity(metadata, config),
    ...(config.profile === "fapi2-message-signing" ? missingForSigning(metadata, config) : []),
  ];
  if (missing.length === 0) return;
  throw misconfigured(
    `OIDC_PROFILE is ${config.profile}, but the provider's metadata lacks ${missing.join(", ")}. Switch that on at the provider, or unset OIDC_PROFILE`,
  );
}

function missingForSecurity(metadata: Metadata, config: ProfileConfig): string[] {
  const method = config.clientAuth.method ?? "private_key_jwt";
  return [
    ...(metadata.pushed_authorization_request_endpoint === undefined ? ["pushed_authorization_request_endpoint"] : []),
    ...(metadata.authorization_response_iss_parameter_supported === true
      ? []
      : ["authorization_response_iss_parameter_supported"]),
    ...lacks(metadata, "code_challenge_methods_supported", ["S256"]),
    ...lacks(metadata, "token_endpoint_auth_methods_supported", [method]),
    ...lacks(metadata, "id_token_signing_alg_values_supported", [config.idTokenAlg]),
    ...(method === "private_key_jwt"
      ? lacksWhereListed(metadata, "token_endpoint_auth_signing_alg_values_supported", clientAlgs(config))
      : []),
    ...missingForBinding(metadata, config),
  ];
}

function missingForBinding(metadata: Metadata, { senderConstrained }: ProfileConfig): string[] {
  if (senderConstrained !== "mtls") return lacks(metadata, "dpop_signing_alg_values_supported", [DPOP_ALG]);
  const isOffered = metadata["tls_client_certificate_bound_access_tokens"] === true;
  return isOffered ? [] : ["tls_client_certificate_bound_access_tokens"];
}

function missingForSigning(metadata: Metadata, config: ProfileConfig): string[] {
  return [
    ...lacksWhereListed(metadata, "request_object_signing_alg_values_supported", clientAlgs(config)),
    ...lacks(metadata, "response_modes_supported", ["jwt", "query.jwt"]),
    ...lacksWhereListed(metadata, "authorization_signing_alg_values_supported", [config.idTokenAlg]),
  ];
}

function clientAlgs({ clientAuth }: ProfileConfig): readonly string[] {
  return clientAuth.alg === undefined ? FAPI_ALGS : [clientAuth.alg];
}

/** @returns the member's name with the wanted values if its list has none of them */
function lacks(metadata: Metadata, name: string, wanted: readonly string[]): string[] {
  const listed = metadata[name];
  const has = Array.isArray(listed) && wanted.some((value) => listed.includes(value));
  return has ? [] : [`${name} with ${wanted.join(" or ")}`];
}

/** As `lacks`, for a member that may be missing. */
function lacksWhereListed(metadata: Metadata, name: string, wanted: readonly string[]): string[] {
  return metadata[name] === undefined ? [] : lacks(metadata, name, wanted);
}
