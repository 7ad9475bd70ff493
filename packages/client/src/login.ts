// URLs of GET /bff/login and the return path of a login.
import { attempt } from "./attempt.ts";

export interface LoginOptions {
  /**
   * Where the browser goes after the login: a same-origin URL or path. Default: the current page. With more than 2,000
   * characters, query and fragment are left out; one of another origin is replaced by "/".
   */
  readonly returnTo?: string;
  /** `login`, `consent`, `select_account`, `create` or `none`; several are separated by spaces. */
  readonly prompt?: string;
  readonly loginHint?: string;
  readonly uiLocales?: string | readonly string[];
  readonly acrValues?: string | readonly string[];
  /** Seconds since the last authentication, as in OpenID Connect. */
  readonly maxAge?: number;
  /** Keycloak's `kc_idp_hint`. */
  readonly idpHint?: string;
}

/** With a longer `returnTo` a login returns to the start page. */
export const maxReturnPathLength = 2_000;

interface Path {
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
}

/**
 * The return path of a login: path, query and fragment of `location`; "/" if they are unsafe.
 * @param fields added to the query, replacing parameters of the same name; left out if the path gets too long
 */
export function buildReturnPath(location: Path, fields?: Readonly<Record<string, string>>): string {
  const { pathname, search, hash } = location;
  const current = pathname + search + hash;
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(fields ?? {})) query.set(name, value);
  const candidates = [fields === undefined ? current : `${pathname}?${query}${hash}`, current, pathname];
  return candidates.find((path) => path.length <= maxReturnPathLength && sameOriginPath.test(path)) ?? "/";
}

/** Rejects `//host` and `/\host`, which browsers resolve to another origin (open redirect). */
const sameOriginPath = /^\/(?!\/)[^\\\p{Cc}\p{Z}\ufeff]*$/u;

interface LoginUrlContext {
  readonly loginPath: string;
  /** URL of the current page; undefined on a server. */
  readonly href: string | undefined;
  readonly loggedOutPath: string | undefined;
  /** See `buildReturnPath`. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
  /** `loginUrl` of a `step_up_required` problem, with `acr_values` and `max_age`. */
  readonly stepUp?: string | undefined;
}

export function buildLoginUrl(options: LoginOptions, context: LoginUrlContext): string {
  const query = new URLSearchParams(context.stepUp?.split("?")[1]);
  const parameters = {
    prompt: options.prompt,
    login_hint: options.loginHint,
    ui_locales: options.uiLocales,
    acr_values: options.acrValues,
    max_age: options.maxAge,
    kc_idp_hint: options.idpHint,
    returnTo: returnPathOf(options.returnTo, context),
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, [value].flat().join(" "));
  }
  return `${context.loginPath}?${query}`;
}

/** @returns undefined on a server without `returnTo`: the gateway's default applies */
function returnPathOf(returnTo: string | undefined, context: LoginUrlContext): string | undefined {
  const { href, loggedOutPath, fields } = context;
  if (returnTo === undefined && href === undefined) return undefined;
  const page = new URL(href ?? "http://x");
  // Apps take it from links: an invalid one must not make a page throw.
  const url = attempt(() => new URL(returnTo ?? page, page));
  if (url?.origin !== page.origin) return "/";
  // A login on the page after a logout returns to the start page.
  return returnTo === undefined && url.pathname === loggedOutPath ? "/" : buildReturnPath(url, fields);
}
