// What a browser must not see: everything that the provider has issued, and the parts of its JWTs.
import type { IssuedTokens } from "../provider/types.ts";

export type Secret = { kind: string; text: string };

/** The session cookie of the gateway, the only place of the session id. */
export const SESSION_COOKIE = "__Host-Http-session";

export function secretsOf(issued: IssuedTokens): Secret[] {
  return (Object.keys(issued) as (keyof IssuedTokens)[]).flatMap((kind) =>
    issued[kind].flatMap((text) =>
      kind === "codes" ? [{ kind, text: secretOfCode(text) }] : withJwtParts({ kind, text }),
    ),
  );
}

/** A code of Keycloak is `<random id>.<session id>.<client id>`; the ids are in claims and URLs, which are not secret. */
function secretOfCode(code: string): string {
  const [random = "", ...ids] = code.split(".");
  return ids.length === 2 ? random : code;
}

/** Adds payload and signature of a JWT as secrets of their own. Its decoded claims are not secret. */
function withJwtParts({ kind, text }: Secret): Secret[] {
  const [, payload, signature] = text.split(".");
  if (!text.startsWith("eyJ") || payload === undefined || signature === undefined) return [{ kind, text }];
  return [
    { kind, text },
    { kind: `${kind} (payload)`, text: payload },
    { kind: `${kind} (signature)`, text: signature },
  ];
}
