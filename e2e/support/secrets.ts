// The search for leaked secrets: what counts as a secret, and which parts of an exchange may carry one.
import type { IssuedTokens } from "@cloakroom/testing/provider/types.ts";
import type { Exchange } from "./gateway-proxy.ts";
import type { TestSystem } from "./system.ts";

export type Secret = { kind: string; text: string };
export type SearchedText = { location: string; text: string };
export type Leak = { kind: string; location: string };

export const SESSION_COOKIE = "__Host-Http-session";

/** Every token, code, client secret and session id that the system has issued so far, and the master key. */
export function listSecrets(system: Pick<TestSystem, "provider" | "masterKey" | "exchanges">): Secret[] {
  const issued = system.provider.issuedTokens();
  const tokens = (Object.keys(issued) as (keyof IssuedTokens)[]).flatMap((kind) =>
    issued[kind].flatMap((text) => withJwtParts({ kind, text })),
  );
  const sessionIds = sessionIdsOf(system.exchanges).map((text) => ({ kind: "session id", text }));
  return [...tokens, ...sessionIds, { kind: "master key", text: system.masterKey }];
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

/** Every session id in a Set-Cookie header of the gateway. */
function sessionIdsOf(exchanges: readonly Exchange[]): string[] {
  return exchanges.flatMap(({ headers }) =>
    headers.flatMap(([name, value]) => {
      const [, sessionId = ""] = isSessionCookie(name, value) ? /=([^;]*)/.exec(value)! : [];
      return sessionId === "" ? [] : [sessionId];
    }),
  );
}

const isSessionCookie = (name: string, value: string): boolean =>
  name.toLowerCase() === "set-cookie" && value.startsWith(`${SESSION_COOKIE}=`);

export function findLeaks(secrets: readonly Secret[], texts: readonly SearchedText[]): Leak[] {
  return texts.flatMap(({ location, text }) =>
    secrets.filter((secret) => text.includes(secret.text)).map(({ kind }) => ({ kind, location })),
  );
}

/** The searchable parts of an exchange, without the secrets that the protocol requires in them. */
export function textsOfExchange(exchange: Exchange, secrets: readonly Secret[]): SearchedText[] {
  const { method, url, requestHeaders, status, headers } = exchange;
  const path = url.split("?")[0] ?? "";
  const name = `${method} ${path} ${status}`;
  // The redirect to the provider's logout may carry the ID token: scripts cannot read its Location (docs/decisions/0009).
  const isLogoutRedirect = path === "/bff/logout/provider" && status === 303;
  // The provider returns the code in the query of the callback (OpenID Connect Core 1.0, section 3.1.2.5).
  const codes = path === "/bff/callback" ? secrets.filter(({ kind }) => kind === "codes") : [];
  return [
    { location: `request URL of ${name}`, text: codes.reduce((text, code) => text.replace(code.text, ""), url) },
    { location: `request headers of ${name}`, text: requestHeaders },
    ...headers.map(([header, value]) => ({
      location: `header ${header} of ${name}`,
      text: isSessionCookie(header, value) ? value.slice(value.indexOf(";")) : withoutHint(header, value),
    })),
    { location: `body of ${name}`, text: exchange.body() },
  ];

  function withoutHint(header: string, value: string): string {
    return isLogoutRedirect && header.toLowerCase() === "location" ? withoutIdTokenHint(value) : value;
  }
}

/** Removes one JWT, and only from this parameter. */
function withoutIdTokenHint(text: string): string {
  return text.replace(/([?&]id_token_hint=)[\w.-]+/, "$1");
}
