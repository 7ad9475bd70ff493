// Authentication by access token, as a bearer (RFC 6750) or with a DPoP proof (RFC 9449 §7), and authorization. The claims are kept in ctx.state, for one request only.
import type { JWTPayload } from "jose";
import type { Context, Middleware, Next } from "koa";
import type { DpopVerifier } from "@cloakroom/testing/dpop-verifier.ts";
import type { TokenValidation } from "./access-token.ts";
import { ProblemError } from "./problem.ts";

const REALM = 'Bearer realm="resource-api"';
const clockToleranceSeconds = 5;

export function requireAccessToken(
  validate: (token: string) => Promise<TokenValidation>,
  dpop: DpopVerifier,
): Middleware {
  return async function requireAccessToken(ctx: Context, next: Next) {
    const [name = "", token = "", rest] = ctx.get("authorization").split(" ");
    const scheme = name.toLowerCase();
    // A request without a token gets a challenge without an error code (RFC 6750 §3.1).
    if (scheme !== "bearer" && scheme !== "dpop")
      throw new ProblemError(401, "token_missing", "Send an access token.", { "www-authenticate": REALM });
    const validation: TokenValidation =
      rest === undefined ? await validate(token) : { kind: "rejected", reason: "The token is malformed." };
    if (validation.kind === "unavailable")
      throw new ProblemError(503, "keys_unavailable", "The provider's keys cannot be fetched at the moment.", {
        "retry-after": "2",
      });
    if (validation.kind === "rejected")
      throw new ProblemError(401, "invalid_token", validation.reason, {
        "www-authenticate": `${REALM}, error="invalid_token", error_description="${validation.reason}"`,
      });
    await requirePossession({ ctx, dpop, scheme, token, claims: validation.claims });
    ctx.state["claims"] = validation.claims;
    await next();
  };
}

type Presented = { ctx: Context; dpop: DpopVerifier; scheme: "bearer" | "dpop"; token: string; claims: JWTPayload };

/** @throws ProblemError 401 for a stolen token: one that is bound to a key, without a proof of that key */
async function requirePossession({ ctx, dpop, scheme, token, claims }: Presented): Promise<void> {
  const { jkt } = (claims["cnf"] ?? {}) as { jkt?: unknown };
  const nonce = dpop.nonce();
  if (scheme === "bearer" && jkt === undefined) return;
  if (nonce !== undefined) ctx.set("dpop-nonce", nonce);
  const proof = scheme === "dpop" && ctx.get("dpop") !== "" ? ctx.get("dpop") : undefined;
  const url = `${ctx.protocol}://${ctx.get("host")}${ctx.path}`;
  const verdict = await dpop.verify({ proof, method: ctx.method, url, accessToken: token, jkt });
  if (verdict.kind === "accepted") return;
  throw new ProblemError(401, verdict.error, `DPoP: ${verdict.reason}.`, {
    "www-authenticate": `DPoP realm="resource-api", algs="ES256 PS256 EdDSA", error="${verdict.error}"`,
    ...(nonce === undefined ? {} : { "dpop-nonce": nonce }),
  });
}

export function claimsOf(ctx: Context): JWTPayload {
  const claims = ctx.state["claims"] as JWTPayload | undefined;
  if (claims === undefined) throw new Error("the route is not behind requireAccessToken");
  return claims;
}

/** @param path a claim name; dots separate members of nested objects, as in `realm_access.roles` */
export function rolesAt(claims: JWTPayload, path: string): readonly string[] {
  let value: unknown = claims;
  for (const name of path.split("."))
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined;
  return Array.isArray(value) ? value.filter((role) => typeof role === "string") : [];
}

/** Minimum authentication level (`acr`) and maximum age of the login (`auth_time`). */
export type StepUpPolicy = { level: number; maxAgeSeconds: number };

/** @throws ProblemError 401 with the required `acr_values` and `max_age` (RFC 9470 §3) */
export function requireStepUp(ctx: Context, { level, maxAgeSeconds }: StepUpPolicy): void {
  const { acr, auth_time: authTime } = claimsOf(ctx);
  const isStrong = /^\d$/.test(String(acr)) && Number(acr) >= level;
  const isFresh = typeof authTime === "number" && Date.now() / 1000 - authTime <= maxAgeSeconds + clockToleranceSeconds;
  if (isStrong && isFresh) return;
  const detail = isStrong
    ? "Your login is too long ago for this."
    : "This needs a second step at the login, such as a one-time code.";
  throw new ProblemError(401, "insufficient_user_authentication", detail, {
    "www-authenticate":
      `${REALM}, error="insufficient_user_authentication", error_description="${detail}", ` +
      `acr_values="${level}", max_age="${maxAgeSeconds}"`,
  });
}

/** 403 for a valid token without the required privileges (RFC 6750 §3.1). */
export function insufficientScope(detail: string): ProblemError {
  return new ProblemError(403, "insufficient_scope", detail, {
    "www-authenticate": `${REALM}, error="insufficient_scope"`,
  });
}
