// Which Set-Cookie lines remove a planted duplicate of one of our cookies. The `Cookie` header shows neither Domain nor
// Path, so every combination that could have matched this request is expired, except our own (host-only, `Path=/`).
// Browsers that enforce the `__Host-` prefix store no such duplicate and ignore these lines.
import { isIP } from "node:net";

/** nginx reserves 4 kB for a response's head by default; a longer one would turn the cleanup into a 502. */
const MAX_BYTES = 2_000;
const MAX_NAMELESS_BYTES = 700;
/** Browsers ignore a longer attribute (RFC 6265bis §5.6). */
const MAX_PATH_CHARS = 1_024;

type Parts = {
  publicOrigin: string;
  /** Where the list of lines starts; see below. */
  random?: () => number;
};

/**
 * Where not all combinations fit into one response, each response begins at another one, so that repeated requests
 * cover all of them: no duplicate locks a browser out for good.
 */
export function createCookieCleanup({ publicOrigin, random = Math.random }: Parts) {
  const { hostname, protocol } = new URL(publicOrigin);
  const scopes = ["", ...domainsOf(hostname).map((domain) => `; Domain=${domain}`)];
  // Over plain http a browser may ignore a line that says Secure.
  const ending = `; Max-Age=0${protocol === "https:" ? "; Secure" : ""}`;
  const placesFor = (path: string) =>
    pathsOf(path).flatMap((each) =>
      scopes.map((scope) => ({ isOurs: scope === "" && each === "/", path: each, scope })),
    );
  return function expireDuplicates(names: readonly string[], path: string): string[] {
    const places = placesFor(path);
    const named = names.flatMap((name) =>
      places.filter(({ isOurs }) => !isOurs).map((place) => `${name}=; Path=${place.path}${place.scope}${ending}`),
    );
    // WebKitGTK sends a cookie without name and with the value `__Host-Http-session=x` as if that were its name.
    const nameless = places.map((place) => `=x; Path=${place.path}${place.scope}${ending}`);
    return [...take(named, MAX_BYTES, random()), ...take(nameless, MAX_NAMELESS_BYTES, random())];
  };
}

/** As many lines as fit, at least one. @param start from 0 to 1: where to begin, if not all fit */
function take(lines: readonly string[], maxBytes: number, start: number): string[] {
  const bytesOf = (some: readonly string[]) => some.reduce((sum, line) => sum + line.length, 0);
  if (bytesOf(lines) <= maxBytes) return [...lines];
  const first = Math.floor(start * lines.length);
  const rotated = [...lines.slice(first), ...lines.slice(0, first)];
  let bytes = 0;
  const end = rotated.findIndex((line) => (bytes += line.length) > maxBytes);
  return rotated.slice(0, Math.max(end, 1));
}

/** The host and its parent domains; the last label alone is a public suffix everywhere. */
function domainsOf(hostname: string): string[] {
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return [];
  const labels = hostname.split(".").filter((label) => label !== "");
  return labels.slice(0, -1).map((_, at) => labels.slice(at).join("."));
}

/** Every cookie path that matches this request path (RFC 6265bis §5.1.4). */
function pathsOf(path: string): string[] {
  const paths = ["/"];
  for (let at = path.indexOf("/", 1); at !== -1; at = path.indexOf("/", at + 1))
    paths.push(path.slice(0, at), path.slice(0, at + 1));
  paths.push(path);
  return [...new Set(paths)].filter((each) => each.length <= MAX_PATH_CHARS && /^\/[!-:<-~]*$/.test(each));
}
