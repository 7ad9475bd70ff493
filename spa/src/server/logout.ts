// POST /bff/logout: ends the session; the response names the URL at which the provider's logout starts.
import { gateway } from "../paths.ts";
import { isRecord } from "./problem.ts";
import { type Outcome, request } from "./request.ts";

// The gateway may revoke tokens at the provider before it responds.
const logoutTimeoutMs = 15_000;

export function postLogout(): Promise<Outcome<URL>> {
  return request(gateway.logout, {
    method: "POST",
    timeoutMs: logoutTimeoutMs,
    parse: async (response) => parseLogoutLocation(await response.json(), window.location.origin),
  });
}

/** @throws SyntaxError unless `location` is an http(s) URL: navigating to `javascript:` would run it in this origin */
export function parseLogoutLocation(body: unknown, origin: string): URL {
  const location = isRecord(body) ? body["location"] : null;
  const url = typeof location === "string" ? URL.parse(location, origin) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new SyntaxError("The logout response has no http(s) location");
  }
  return url;
}
