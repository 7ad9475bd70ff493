// Userinfo endpoint for the API's access tokens. The library's endpoint rejects tokens with an audience.
import { createLocalJWKSet, jwtVerify } from "jose";
import { createDpopVerifier } from "../dpop-verifier.ts";
import type { Middleware } from "koa";
import type { JWK } from "oidc-provider";
import { CLAIMS_BY_SCOPE, claimsOf, type UserDirectory } from "./users.ts";
import { parseSpaceSeparated } from "./space-separated.ts";

type UserinfoOptions = { issuer: string; resource: string; keys: readonly JWK[]; users: UserDirectory };

export function userinfo({ issuer, resource, keys, users }: UserinfoOptions): Middleware {
  const jwks = createLocalJWKSet({
    keys: keys.map(({ kty, n, e, kid, alg }) => ({ kty, n, e, kid, alg })),
  } as Parameters<typeof createLocalJWKSet>[0]);
  const dpop = createDpopVerifier();
  return async function userinfoRoute(ctx, next) {
    if (ctx.path !== "/me") return next();
    ctx.set("cache-control", "no-store");
    const [, scheme = "", token = ""] = /^(bearer|dpop) (\S+)$/i.exec(ctx.get("authorization")) ?? [];
    const verified = await jwtVerify(token, jwks, { issuer, audience: resource, typ: "at+jwt" }).catch(() => undefined);
    const user = users.bySub(verified?.payload.sub ?? "");
    const { jkt } = (verified?.payload["cnf"] ?? {}) as { jkt?: unknown };
    const isBearer = scheme.toLowerCase() === "bearer" && jkt === undefined;
    const { method } = ctx;
    const call = { proof: ctx.get("dpop"), method, url: issuer + ctx.path, accessToken: token, jkt };
    const isAuthenticated = isBearer || (await dpop.verify(call)).kind === "accepted";
    if (verified === undefined || user === undefined || !isAuthenticated) {
      ctx.status = 401;
      ctx.set("www-authenticate", 'Bearer error="invalid_token"');
      return;
    }
    const scopes = parseSpaceSeparated(verified.payload["scope"]);
    const names = Object.entries(CLAIMS_BY_SCOPE).flatMap(([scope, claims]) => (scopes.includes(scope) ? claims : []));
    const claims = claimsOf(user);
    ctx.body = Object.fromEntries(names.map((name) => [name, claims[name]]));
  };
}
