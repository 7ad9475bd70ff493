// Mutants of rows for clients with their own access token (RFC 9068, RFC 6750, RFC 9449).
import type { Mutant } from "./mutants.ts";

const TOKENS = ["test/proxy/bearer.integration.test.ts"];
const PROOFS = ["test/provider/dpop-validation.test.ts"];
const CLAIMS = "src/provider/bearer-claims.ts";
const JWT = "src/provider/bearer-token.ts";
const PROOF = "src/provider/dpop-validation.ts";

/** One rule of a file, removed. */
export const bearerRule = (
  breaks: string,
  file: string,
  change: [find: string, replace: string],
  tests: readonly string[],
): Mutant => ({
  breaks: `bearer: ${breaks}`,
  file,
  find: change[0],
  replace: change[1],
  tests,
});

const OF_TOKENS: readonly Mutant[] = [
  bearerRule("a token for another audience is accepted", CLAIMS, ["audiences.includes(each))", 'each !== "")'], TOKENS),
  bearerRule(
    "a token without audience is accepted",
    CLAIMS,
    ["if (aud === undefined)\n", "if (aud === null)\n"],
    TOKENS,
  ),
  bearerRule(
    "a token of any client is accepted",
    CLAIMS,
    ["clientIds.includes(client) ? undefined", "clientIds.length > 0 ? undefined"],
    TOKENS,
  ),
  bearerRule(
    "a token of another issuer is accepted",
    CLAIMS,
    ["return foreign === undefined ? tenantError(claims, issuers)", 'return foreign !== "" ? undefined'],
    TOKENS,
  ),
  bearerRule(
    "a token that is not valid yet is accepted",
    CLAIMS,
    ["value - clockSkewSeconds > nowSeconds", "value === Infinity"],
    TOKENS,
  ),
  bearerRule(
    "an expired token is accepted as long as it is cached",
    "src/provider/bearer-tokens.ts",
    ["known.untilMs > now()", "known.untilMs > 0"],
    ["test/provider/bearer-tokens.test.ts"],
  ),
  bearerRule(
    "a token that is bound to a certificate is a bearer token",
    CLAIMS,
    ['if ("x5t#S256" in others)\n', "if (others === undefined)\n"],
    TOKENS,
  ),
  bearerRule(
    "an unknown confirmation method is ignored",
    CLAIMS,
    ["if (Object.keys(others).length > 0) return", "if (others === undefined) return"],
    TOKENS,
  ),
  bearerRule(
    "ID tokens are accepted where typ is optional",
    CLAIMS,
    ["if (foreign !== undefined) return `it has", 'if (foreign === "") return `it has'],
    TOKENS,
  ),
  bearerRule(
    "renewed ID tokens are accepted",
    CLAIMS,
    ["if (isForClient && !ACCESS_MARKS", "if (!isForClient && !ACCESS_MARKS"],
    TOKENS,
  ),
  bearerRule(
    "refresh tokens of Keycloak are accepted",
    CLAIMS,
    ["KEYCLOAK_ACCESS_TYPES.has(typ) ? undefined", 'typ !== "" ? undefined'],
    TOKENS,
  ),
  bearerRule(
    "ID tokens of Cognito are accepted",
    CLAIMS,
    ["/^access(_token)?$/.test(use) ? undefined", 'use !== "" ? undefined'],
    TOKENS,
  ),
  bearerRule(
    "a token of any typ is accepted",
    JWT,
    ["if (!isPlainJwtTyp(typ)) return", 'if (typ === "") return'],
    TOKENS,
  ),
  bearerRule(
    "typ is never required",
    JWT,
    ['if (rules.typ === "optional") return undefined;', "if (rules.typ !== undefined) return undefined;"],
    TOKENS,
  ),
  bearerRule("crit is ignored", JWT, ["if (crit !== undefined) return", "if (crit === null) return"], TOKENS),
  bearerRule("the algorithm is that of the token", JWT, ["!rules.algorithms.includes(alg))", 'alg === "")'], TOKENS),
  bearerRule(
    "the signature is not verified",
    JWT,
    ["await verify(jwt, {", "if (rules.typ === undefined) await verify(jwt, {"],
    TOKENS,
  ),
  bearerRule(
    "a token without exp is accepted",
    JWT,
    ['if (typeof claims.exp !== "number") return "exp is missing";', ""],
    TOKENS,
  ),
  bearerRule(
    "a token without subject is accepted",
    JWT,
    ["if (!isSubject(claims.sub)) return", "if (claims.sub === null) return"],
    TOKENS,
  ),
];

const OF_REQUESTS: readonly Mutant[] = [
  {
    breaks: "bearer: a WebSocket on which a client only listens outlives its token",
    file: "src/proxy/websocket/upgrade.ts",
    find: "({ code }) => close(code)",
    replace: "() => undefined",
    tests: ["test/proxy/websocket-authorization.test.ts"],
  },
  bearerRule(
    "a rejected token falls back to the session",
    "src/http/credentials.ts",
    ["headers.authorization !== undefined);", '/^Bearer ey/.test(headers.authorization ?? ""));'],
    TOKENS,
  ),
  bearerRule(
    "the first of several Authorization headers counts",
    "src/http/credentials.ts",
    ['if (countOf(rawHeaders, "authorization") > 1) return { kind: "several" };', ""],
    TOKENS,
  ),
  bearerRule(
    "a token in the query is forwarded",
    "src/http/credentials.ts",
    ['query !== -1 && new URLSearchParams(target.slice(query + 1)).has("access_token")', "query === 0"],
    TOKENS,
  ),
  bearerRule(
    "a bound token is accepted with the scheme Bearer",
    "src/proxy/bearer.ts",
    [
      'return scheme === "Bearer" ? "it is bound to a DPoP key',
      'return scheme !== "Bearer" ? "it is bound to a DPoP key',
    ],
    TOKENS,
  ),
  bearerRule(
    "roles and scopes are not checked",
    "src/proxy/bearer.ts",
    ['if (problem !== undefined) reject("forbidden"', 'if (problem?.reason === "") reject("forbidden"'],
    TOKENS,
  ),
  bearerRule(
    "a client is sent to a login",
    "src/errors.ts",
    ["this.status === 401 && options.challenges === undefined", "this.status === 401"],
    TOKENS,
  ),
];

const OF_PROOFS: readonly Mutant[] = [
  bearerRule(
    "a proof is used twice",
    PROOF,
    ['return isNew ? { kind: "accepted" }', 'return typeof isNew === "boolean" ? { kind: "accepted" }'],
    PROOFS,
  ),
  bearerRule(
    "a proof may be replayed before it is too old",
    PROOF,
    ["(MAX_PROOF_AGE_SECONDS + 2 * clockSkewSeconds) * 1000 + 1_000", "1_000"],
    PROOFS,
  ),
  bearerRule(
    "an invalid proof is marked as used",
    PROOF,
    [
      "if (problem !== undefined) return rejected(problem);",
      "if (problem !== undefined) {\n        await markUsed(String(payload.jti), 1);\n        return rejected(problem);\n      }",
    ],
    PROOFS,
  ),
  bearerRule(
    "a proof of another key is accepted",
    PROOF,
    [
      "calculateJwkThumbprint(protectedHeader.jwk ?? {})) !== jkt)",
      'calculateJwkThumbprint(protectedHeader.jwk ?? {})) === "")',
    ],
    PROOFS,
  ),
  bearerRule("a proof for another method is accepted", PROOF, ["if (htm !== method)", 'if (htm === "")'], PROOFS),
  bearerRule(
    "a proof for another URL is accepted",
    PROOF,
    ["normalizedUrl(htu) !== normalizedUrl(url))", 'normalizedUrl(htu) === "")'],
    PROOFS,
  ),
  bearerRule(
    "an old proof is accepted",
    PROOF,
    ["if (iat < nowSeconds - MAX_PROOF_AGE_SECONDS - clockSkewSeconds)", "if (iat < 0)"],
    PROOFS,
  ),
  bearerRule(
    "a proof of the future is accepted",
    PROOF,
    ["if (iat > nowSeconds + clockSkewSeconds)", "if (iat === Infinity)"],
    PROOFS,
  ),
  bearerRule(
    "a proof for another access token is accepted",
    PROOF,
    ['if (ath !== hash("sha256", accessToken, "base64url"))', 'if (ath === "")'],
    PROOFS,
  ),
  bearerRule("a proof is any JWT with a key", PROOF, ['typ: "dpop+jwt",\n', ""], PROOFS),
  bearerRule(
    "a user in htu is ignored",
    PROOF,
    ['if (username !== "" || password !== "") return undefined;', ""],
    PROOFS,
  ),
];

export const BEARER_MUTANTS: readonly Mutant[] = [...OF_TOKENS, ...OF_REQUESTS, ...OF_PROOFS];
