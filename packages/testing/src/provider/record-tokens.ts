// Middleware that records issued codes and tokens and counts grants.
import type { Middleware, Next } from "koa";
import type { KoaContextWithOIDC, RefreshToken } from "oidc-provider";
import type { Counters } from "./counters.ts";
import { TOKEN_EXCHANGE } from "./token-exchange.ts";
import type { IssuedTokens } from "./types.ts";

const TOKEN_MEMBERS = [
  ["access_token", "accessTokens"],
  ["refresh_token", "refreshTokens"],
  ["id_token", "idTokens"],
] as const;

const GRANT_TYPES = ["authorization_code", "refresh_token", "client_credentials"] as const;

export type TokenRecorderDependencies = { issued: IssuedTokens; counters: Counters; onReuse: () => void };

export function recordTokens({ issued, counters, onReuse }: TokenRecorderDependencies): Middleware {
  return async function recordTokens(context, next: Next) {
    await next();
    const ctx = context as unknown as KoaContextWithOIDC;
    const code = new URL(ctx.response.get("location") || "/", ctx.href).searchParams.get("code");
    if (code !== null) issued.codes.push(code);
    if (ctx.path !== "/token") return;
    const grantType = GRANT_TYPES.find((name) => name === ctx.oidc.params?.["grant_type"]);
    if (grantType !== undefined) counters.add(`token:${grantType}`);
    if (ctx.oidc.params?.["grant_type"] === TOKEN_EXCHANGE) counters.add("token:exchange");
    // An error response to a refresh token that had already been used.
    if (ctx.status !== 200 && ctx.oidc.entities.RefreshToken?.consumed !== undefined) onReuse();
    if (ctx.status === 200) recordBody(issued, ctx.body as Record<string, unknown>, ctx.oidc.entities.RefreshToken);
  };
}

function recordBody(issued: IssuedTokens, body: Record<string, unknown>, refreshToken: RefreshToken | undefined): void {
  for (const [member, list] of TOKEN_MEMBERS) {
    const token = body[member];
    if (typeof token === "string") issued[list].push(token);
  }
  // Keycloak's non-standard response parameter.
  if (body["refresh_token"] !== undefined) body["refresh_expires_in"] = refreshToken?.expiration;
}
