// What a browser must not see: everything that the provider has issued, and the parts of its JWTs.
import type { IssuedTokens } from "../provider/types.ts";

export type Secret = { kind: string; text: string };

/** The session cookie of the gateway, the only place of the session id. */
export const SESSION_COOKIE = "__Host-Http-session";

export function secretsOf(issued: IssuedTokens): Secret[] {
  return (Object.keys(issued) as (keyof IssuedTokens)[]).flatMap((kind) =>
    issued[kind].flatMap((text) => withJwtParts({ kind, text })),
  );
}

/** Adds payload and signature of a JWT as secrets of their own. Its decoded claims are not secret. */
function withJwtParts({ kind, text }: Secret): Secret[] {
  const [, payload, signature] = text.split(".");
  // Keycloak's authorization codes also consist of three parts, which are not secret individually.
  if (!text.startsWith("eyJ") || payload === undefined || signature === undefined) return [{ kind, text }];
  return [
    { kind, text },
    { kind: `${kind} (payload)`, text: payload },
    { kind: `${kind} (signature)`, text: signature },
  ];
}
