// Middleware that replaces the ID token of a token response by one that the client must reject (OpenID Connect Core 1.0
// §3.1.3.7).
import type { IncomingMessage } from "node:http";
import { decodeJwt, decodeProtectedHeader } from "jose";
import type { Middleware, Next } from "koa";
import type { IdTokenFault } from "./faults.ts";

type Claims = Record<string, unknown>;

/** The claims that replace those of a valid ID token. */
const WRONG_CLAIMS: Readonly<Record<Exclude<IdTokenFault, "bad-signature" | "missing">, () => Claims>> = {
  "wrong-issuer": () => ({ iss: "https://other-issuer.example" }),
  "wrong-audience": () => ({ aud: "another-client" }),
  "wrong-nonce": () => ({ nonce: "the-nonce-of-another-login" }),
  "wrong-subject": () => ({ sub: "another-user" }),
  expired: () => ({ iat: nowSeconds() - 7_200, exp: nowSeconds() - 3_600 }),
};

export type IdTokenFaultDependencies = {
  idTokenFaultOf: (request: IncomingMessage) => IdTokenFault | undefined;
  /** Signs with the current key of the provider. */
  sign: (claims: Claims, header: Claims) => Promise<string>;
};

/** @internal Its type is one of a package that users of this one do not install. */
export function idTokenFaults({ idTokenFaultOf, sign }: IdTokenFaultDependencies): Middleware {
  return async function idTokenFaults(ctx, next: Next) {
    await next();
    const fault = idTokenFaultOf(ctx.req);
    const body = ctx.body as { id_token?: string } | undefined;
    if (fault === undefined || ctx.path !== "/token" || typeof body?.id_token !== "string") return;
    const { id_token: idToken, ...rest } = body;
    if (fault === "missing") ctx.body = rest;
    else if (fault === "bad-signature") ctx.body = { ...rest, id_token: withAnotherSignature(idToken) };
    else {
      const claims = { ...decodeJwt(idToken), ...WRONG_CLAIMS[fault]() };
      ctx.body = { ...rest, id_token: await sign(claims, { ...decodeProtectedHeader(idToken) }) };
    }
  };
}

/** Reversed: still base64url of the same length. */
function withAnotherSignature(jwt: string): string {
  const [header, payload, signature = ""] = jwt.split(".");
  return [header, payload, Array.from(signature).toReversed().join("")].join(".");
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
