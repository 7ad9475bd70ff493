// What must never be seen, where one looks for it, and the few places where it belongs.
import type { IssuedTokens } from "../../demo/src/provider/types.ts";
import type { TestSystem } from "./system.ts";
import type { Exchange } from "./tap.ts";

/** A string that must not be seen, and what it is. */
export type Needle = { what: string; text: string };
/** A place that was searched, and what stood there. */
export type Haystack = { where: string; text: string };
export type Leak = { what: string; where: string };

export const SESSION_COOKIE = "__Host-Http-session";

/** Whole tokens, and of a JWT also what is secret in it on its own: claims can be shown, the signed form cannot. */
export function needlesOf(system: Pick<TestSystem, "provider" | "masterKey" | "exchanges">): Needle[] {
  const issued = system.provider.issuedTokens();
  const tokens = (Object.keys(issued) as (keyof IssuedTokens)[]).flatMap((list) =>
    issued[list].flatMap((token) => partsOf({ what: list, text: token })),
  );
  const sessionIds = sessionIdsOf(system.exchanges).map((text) => ({ what: "session id", text }));
  return [...tokens, ...sessionIds, { what: "master key", text: system.masterKey }];
}

function partsOf({ what, text }: Needle): Needle[] {
  const [, payload, signature] = text.split(".");
  // Three parts alone make no JWT: Keycloak's codes have as many, and they are no secrets on their own.
  if (!text.startsWith("eyJ") || payload === undefined || signature === undefined) return [{ what, text }];
  return [
    { what, text },
    { what: `${what} (payload)`, text: payload },
    { what: `${what} (signature)`, text: signature },
  ];
}

/** Every session id that the gateway ever handed out, as the wire saw it. */
export function sessionIdsOf(exchanges: readonly Exchange[]): string[] {
  return exchanges.flatMap(({ headers }) =>
    headers.flatMap(([name, value]) => {
      const [, sessionId = ""] = isSessionCookie(name, value) ? /=([^;]*)/.exec(value)! : [];
      return sessionId === "" ? [] : [sessionId];
    }),
  );
}

const isSessionCookie = (name: string, value: string): boolean =>
  name.toLowerCase() === "set-cookie" && value.startsWith(`${SESSION_COOKIE}=`);

export function findLeaks(needles: readonly Needle[], haystacks: readonly Haystack[]): Leak[] {
  return haystacks.flatMap(({ where, text }) =>
    needles.filter((needle) => text.includes(needle.text)).map(({ what }) => ({ what, where })),
  );
}

/** An exchange as places to search, less what belongs where it stands. */
export function haystacksOf(exchange: Exchange, needles: readonly Needle[]): Haystack[] {
  const { method, url, requestHeaders, status, headers } = exchange;
  const path = url.split("?")[0] ?? "";
  const name = `${method} ${path} ${status}`;
  // A redirect to the provider's logout: no script can read where it leads (docs/decisions/0009).
  const isOnTheWay = ["/bff/logout", "/bff/logout/provider"].includes(path) && status === 303;
  // The provider hands the code over in the browser's address bar: that is the protocol (OIDC Core 1.0 §3.1.2.5).
  const codes = path === "/bff/callback" ? needles.filter(({ what }) => what === "codes") : [];
  return [
    { where: `request URL of ${name}`, text: codes.reduce((text, code) => text.replace(code.text, ""), url) },
    { where: `request headers of ${name}`, text: requestHeaders },
    ...headers.map(([header, value]) => ({
      where: `header ${header} of ${name}`,
      text: isSessionCookie(header, value) ? value.slice(value.indexOf(";")) : withoutHint(header, value),
    })),
    { where: `body of ${name}`, text: exchange.body() },
  ];

  function withoutHint(header: string, value: string): string {
    return isOnTheWay && header.toLowerCase() === "location" ? withoutIdTokenHint(value) : value;
  }
}

/** The one documented exception: one ID token, and only in this one parameter. */
function withoutIdTokenHint(text: string): string {
  return text.replace(/([?&]id_token_hint=)[\w.-]+/, "$1");
}
