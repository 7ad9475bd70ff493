// Where a login leads back to: this very page, with what was typed, as far as the gateway takes it.
import { paths } from "../paths.ts";

/** The gateway refuses longer ones, and a refused login is worse than a lost line of text. */
export const maxReturnPathLength = 1_024;

export interface Place {
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
}

/** @param typed goes into the query: no web storage ever holds what a person wrote. */
export function returnPathOf(place: Place, typed: Readonly<Record<string, string>> = {}): string {
  // Nobody wants to come back to the page that says goodbye.
  if (place.pathname === paths.loggedOut) return paths.home;
  const query = new URLSearchParams(place.search);
  for (const [name, value] of Object.entries(typed)) query.set(name, value);
  const withTyped = `${place.pathname}${queryText(query)}${place.hash}`;
  const asIs = `${place.pathname}${place.search}${place.hash}`;
  const candidates = [Object.keys(typed).length > 0 ? withTyped : asIs, asIs, place.pathname];
  return candidates.find((path) => path.length <= maxReturnPathLength && isOwnPath(path)) ?? paths.home;
}

/** `//host` in the address bar is a path to the router and another site to a browser. */
function isOwnPath(path: string): boolean {
  return path.startsWith("/") && !/^\/[/\\]/.test(path) && !/[\\\p{Cc}\p{Z}\ufeff]/u.test(path);
}

function queryText(query: URLSearchParams): string {
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
