// Return path: validates where a login leads to (open redirect).

/**
 * The path is part of the sealed state, which is in the authorization URL: with 2,000 characters it has about 2,900, and
 * the response head stays below the 4 kB that nginx accepts by default.
 */
export const MAX_RETURN_PATH_CHARS = 2_000;

export type ReturnTargets = {
  publicOrigin: string;
  /** Whether a browser may be sent to the path; see http/route-table.ts. */
  isPage: (path: string) => boolean;
};

/** Browsers remove tabs and newlines and treat backslashes as slashes before they parse the host (CVE-2020-5233). */
const AMBIGUOUS = /[\\\p{Cc}\p{Z}\ufeff]/u;

/**
 * @returns the path with query and fragment in canonical form, `/` for one that is too long, or undefined for other
 * origins, `//host`, `/\host`, control characters, and paths that are no pages
 */
export function returnPath(value: string, { publicOrigin, isPage }: ReturnTargets): string | undefined {
  if (!value.startsWith("/") || /^\/[/\\]/.test(value)) return undefined;
  if (AMBIGUOUS.test(value)) return undefined;
  if (!URL.canParse(value, publicOrigin)) return undefined;
  const url = new URL(value, publicOrigin);
  if (url.origin !== publicOrigin || url.pathname.startsWith("//")) return undefined;
  if (!isPage(url.pathname)) return undefined;
  // Percent-encoding makes it longer.
  const canonical = url.pathname + url.search + url.hash;
  return canonical.length > MAX_RETURN_PATH_CHARS ? "/" : canonical;
}

/** `target_link_uri` (OIDC Core 1.0 §4): also an absolute URL of the public origin. @returns as `returnPath` */
export function targetPath(value: string, targets: ReturnTargets): string | undefined {
  const { publicOrigin } = targets;
  if (value.startsWith("/")) return returnPath(value, targets);
  if (AMBIGUOUS.test(value) || !/^https?:\/\/[^/]/i.test(value) || !URL.canParse(value)) return undefined;
  const { origin, username, password, pathname, search, hash } = new URL(value);
  if (origin !== publicOrigin || username !== "" || password !== "") return undefined;
  return returnPath(pathname + search + hash, targets);
}
