// `prompt=create` (Initiating User Registration via OpenID Connect 1.0): sent only to providers that may support it.
import type * as oidc from "openid-client";
import { GatewayError } from "../errors.ts";

/**
 * Without `prompt_values_supported` (optional) the provider decides.
 * @throws GatewayError request_malformed if the provider lists its values without `create`
 */
export function requireSupportedPrompt(metadata: Readonly<oidc.ServerMetadata>, prompt: string | undefined): void {
  const supported = metadata["prompt_values_supported"];
  if (prompt !== "create" || !Array.isArray(supported) || supported.includes("create")) return;
  throw new GatewayError("request_malformed", {
    reason: "login: the provider's prompt_values_supported has no create",
    explanation: "registration_not_offered",
  });
}
