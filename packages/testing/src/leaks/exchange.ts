// One request and its response, and which of its parts are searched for secrets.
import { SESSION_COOKIE, type Secret } from "./secrets.ts";

export type SearchedText = { location: string; text: string };

export type Exchange = {
  method: string;
  /** Path and query; with its origin if it is not the gateway's. */
  url: string;
  /** All header fields except Cookie, where the session id belongs. */
  requestHeaders: string;
  status: number;
  headers: [name: string, value: string][];
  /** The part received so far. */
  requestBody?: () => string;
  /** Decompressed; the part received so far while the response is in flight. */
  body: () => string;
};

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
    // The provider's request, not a browser's.
    ...(path === "/bff/backchannel-logout"
      ? []
      : [{ location: `request body of ${name}`, text: exchange.requestBody?.() ?? "" }]),
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

/** Every session id in a Set-Cookie header. */
export function sessionIdsOf(exchanges: readonly Exchange[]): Secret[] {
  return exchanges.flatMap(({ headers }) =>
    headers.flatMap(([name, value]) => {
      const [, sessionId = ""] = (isSessionCookie(name, value) && /=([^;]*)/.exec(value)) || [];
      return sessionId === "" ? [] : [{ kind: "session id", text: sessionId }];
    }),
  );
}

const isSessionCookie = (name: string, value: string): boolean =>
  name.toLowerCase() === "set-cookie" && value.startsWith(`${SESSION_COOKIE}=`);

/** Removes one JWT, and only from this parameter. */
function withoutIdTokenHint(text: string): string {
  return text.replace(/([?&]id_token_hint=)[\w.-]+/, "$1");
}
