// GET /bff/jwks.json: public keys of the client (RFC 7517 §5), for private_key_jwt (OIDC Core 1.0 §9), signed requests
// (RFC 9101) and self-signed certificates (RFC 8705 §2.2).
import type { Context } from "koa";
import { GatewayError } from "../errors.ts";
import type { Provider } from "../provider/provider.ts";

/** A key must be published this long before it signs; see docs/guides/client-authentication.md. */
const MAX_AGE_SECONDS = 300;

/** @throws GatewayError not_found if neither client authentication nor signed requests use keys | provider_unavailable */
export function jwks({ provider }: { provider: Pick<Provider, "publicKeys"> }) {
  return async function sendPublicKeys(ctx: Context): Promise<void> {
    const keys = await provider.publicKeys();
    if (keys === undefined) throw new GatewayError("not_found");
    ctx.set("Cache-Control", `public, max-age=${MAX_AGE_SECONDS}`);
    ctx.body = { keys };
    ctx.type = "application/jwk-set+json";
  };
}
