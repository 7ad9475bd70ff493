// POST /bff/logout: ends the session and says where the provider's own logout is.
import { gateway } from "../paths.ts";
import { isRecord } from "./problem.ts";
import { type Outcome, request } from "./request.ts";

// Longer than a look-up: the gateway also tells the provider.
const logoutDeadlineMs = 15_000;

export function postLogout(): Promise<Outcome<URL>> {
  return request(gateway.logout, {
    method: "POST",
    deadlineMs: logoutDeadlineMs,
    read: async (response) => locationOf(await response.json(), window.location.origin),
  });
}

/** @throws SyntaxError unless it is a web address: `javascript:` would run in this page. */
export function locationOf(body: unknown, origin: string): URL {
  const text = isRecord(body) ? body["location"] : null;
  const url = typeof text === "string" ? URL.parse(text, origin) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new SyntaxError("The logout answer has no usable location");
  }
  return url;
}
