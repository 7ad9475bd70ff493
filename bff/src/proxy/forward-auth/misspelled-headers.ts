// Other spellings of header names that upstreams trust: `X_User_Email` and `X.User.Email` are `X-User-Email` to WSGI, PHP and
// CGI (CVE-2025-64484, GHSA-f59h-q822-g45g). A proxy that forwards the browser's headers removes exact names only, so
// requests with such a name are rejected. Browsers send none.
import type { IncomingHttpHeaders } from "node:http";
import { cacheByName, isListed, isPlainName, normalizedName } from "../../headers/header-names.ts";
import { REJECTED, RESERVED } from "../../headers/request-header-tables.ts";

const isReserved = isListed(RESERVED);
const isRejected = isListed(REJECTED);

/** @param setNames lower-case names of the headers that an allow sets */
export function misspelledHeaderFinder(setNames: ReadonlySet<string>) {
  const isMisspelled = cacheByName((name) => {
    if (isPlainName(name)) return false;
    const meant = normalizedName(name);
    return setNames.has(meant) || isReserved(meant) || isRejected(meant);
  });
  /** @returns the first such name */
  return function findMisspelled(headers: IncomingHttpHeaders): string | undefined {
    for (const name in headers) if (isMisspelled(name)) return name;
    return undefined;
  };
}
