// Who is calling. The answer lives in ctx.state of this one request and nowhere else.
import type { JWTPayload } from "jose";
import type { Context, Middleware, Next } from "koa";
import type { TokenVerdict } from "./access-token.ts";
import { Refusal } from "./problem.ts";

const REALM = 'Bearer realm="resource-api"';
const clockToleranceSeconds = 5;

export function bearer(verify: (token: string) => Promise<TokenVerdict>): Middleware {
  return async function requireBearer(ctx: Context, next: Next) {
    const [scheme = "", token = "", rest] = ctx.get("authorization").split(" ");
    // RFC 6750 §3.1: who showed no token is told how to ask, not what was wrong.
    if (scheme.toLowerCase() !== "bearer")
      throw new Refusal(401, "token_missing", "Send an access token.", { "www-authenticate": REALM });
    const verdict: TokenVerdict =
      rest === undefined ? await verify(token) : { kind: "refused", reason: "The token is malformed." };
    if (verdict.kind === "unavailable")
      throw new Refusal(503, "keys_unavailable", "The provider's keys cannot be fetched at the moment.", {
        "retry-after": "2",
      });
    if (verdict.kind === "refused")
      throw new Refusal(401, "invalid_token", verdict.reason, {
        "www-authenticate": `${REALM}, error="invalid_token", error_description="${verdict.reason}"`,
      });
    ctx.state["claims"] = verdict.claims;
    await next();
  };
}

export function claimsOf(ctx: Context): JWTPayload {
  const claims = ctx.state["claims"] as JWTPayload | undefined;
  if (claims === undefined) throw new Error("a route that needs a user is open");
  return claims;
}

/** @param path a claim's name; dots reach into objects, as in `realm_access.roles` */
export function rolesAt(claims: JWTPayload, path: string): readonly string[] {
  let value: unknown = claims;
  for (const name of path.split("."))
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined;
  return Array.isArray(value) ? value.filter((role) => typeof role === "string") : [];
}

/** How strongly and how freshly the user must have logged in. */
export type Strength = { level: number; maxAgeSeconds: number };

/** @throws Refusal that says which login would do (RFC 9470 §3) */
export function requireStrength(ctx: Context, { level, maxAgeSeconds }: Strength): void {
  const { acr, auth_time: authTime } = claimsOf(ctx);
  const isStrong = /^\d$/.test(String(acr)) && Number(acr) >= level;
  const isFresh = typeof authTime === "number" && Date.now() / 1000 - authTime <= maxAgeSeconds + clockToleranceSeconds;
  if (isStrong && isFresh) return;
  const detail = isStrong
    ? "Your login is too long ago for this."
    : "This needs a second step at the login, such as a one-time code.";
  throw new Refusal(401, "insufficient_user_authentication", detail, {
    "www-authenticate":
      `${REALM}, error="insufficient_user_authentication", error_description="${detail}", ` +
      `acr_values="${level}", max_age="${maxAgeSeconds}"`,
  });
}

/** RFC 6750 §3.1: the token is good, its bearer may not. */
export function insufficient(detail: string): Refusal {
  return new Refusal(403, "insufficient_scope", detail, {
    "www-authenticate": `${REALM}, error="insufficient_scope"`,
  });
}
