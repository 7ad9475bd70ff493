// Writes down every secret that leaves the provider, and what happened at the token endpoint.
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

export type RecorderParts = { issued: IssuedTokens; counters: Counters; onReuse: () => void };

export function recorder({ issued, counters, onReuse }: RecorderParts): Middleware {
  return async function record(context, next: Next) {
    await next();
    const ctx = context as unknown as KoaContextWithOIDC;
    const code = new URL(ctx.response.get("location") || "/", ctx.href).searchParams.get("code");
    if (code !== null) issued.codes.push(code);
    if (ctx.path !== "/token") return;
    const grantType = GRANT_TYPES.find((name) => name === ctx.oidc.params?.["grant_type"]);
    if (grantType !== undefined) counters.add(`token:${grantType}`);
    if (ctx.oidc.params?.["grant_type"] === TOKEN_EXCHANGE) counters.add("token:exchange");
    // A spent token that is spent again was looked up, found consumed and refused.
    if (ctx.status !== 200 && ctx.oidc.entities.RefreshToken?.consumed !== undefined) onReuse();
    if (ctx.status === 200) keep(issued, ctx.body as Record<string, unknown>, ctx.oidc.entities.RefreshToken);
  };
}

function keep(issued: IssuedTokens, body: Record<string, unknown>, refreshToken: RefreshToken | undefined): void {
  for (const [member, list] of TOKEN_MEMBERS) {
    const token = body[member];
    if (typeof token === "string") issued[list].push(token);
  }
  // Not in RFC 6749, but Keycloak says it and a gateway can cap its session by it.
  if (body["refresh_token"] !== undefined) body["refresh_expires_in"] = refreshToken?.expiration;
}
