// Removes planted duplicates of the gateway's cookies (cookie tossing). The `Cookie` header contains neither Domain nor
// Path, so Set-Cookie lines expire every combination that matches the request, except the gateway's own (host-only,
// `Path=/`). Browsers that enforce the `__Host-` prefix store no such duplicates and ignore these lines.
import { isIP } from "node:net";

/** nginx's default buffer for a response head is 4 kB; a larger head becomes a 502. */
const MAX_BYTES = 2_000;
const MAX_NAMELESS_BYTES = 700;
/** Browsers ignore a longer attribute (RFC 6265bis §5.6). */
const MAX_PATH_CHARS = 1_024;

type CookieCleanupOptions = {
  publicOrigin: string;
  /** Selects the first line, see createCookieCleanup. */
  random?: () => number;
};

/**
 * If not all combinations fit into one response, each response starts at a random one, so that repeated requests cover
 * all of them and no duplicate locks a browser out permanently.
 */
export function createCookieCleanup({ publicOrigin, random = Math.random }: CookieCleanupOptions) {
  const { hostname, protocol } = new URL(publicOrigin);
  const scopes = ["", ...domainsOf(hostname).map((domain) => `; Domain=${domain}`)];
  // Browsers may ignore a Secure cookie line over plain http.
  const ending = `; Max-Age=0${protocol === "https:" ? "; Secure" : ""}`;
  return function expireDuplicates(names: readonly string[], path: string): string[] {
    const paths = pathsOf(path);
    const lineOf = (name: string, value: string, place: number): string | undefined => {
      const [each = "", scope = ""] = [paths[Math.floor(place / scopes.length)], scopes[place % scopes.length]];
      const isOwn = name !== "" && scope === "" && each === "/";
      return isOwn ? undefined : `${name}=${value}; Path=${each}${scope}${ending}`;
    };
    const places = paths.length * scopes.length;
    const named = (at: number) => lineOf(names[Math.floor(at / places)] ?? "", "", at % places);
    // WebKitGTK sends a nameless cookie with the value `__Host-Http-session=x` as if it had that name.
    const nameless = (at: number) => lineOf("", "x", at);
    return [
      ...take(names.length * places, named, MAX_BYTES, random()),
      ...take(places, nameless, MAX_NAMELESS_BYTES, random()),
    ];
  };
}

/**
 * Returns as many lines as fit into `maxBytes`, at least one. Builds no others: a request of 16 kB may have 200 cookie
 * names and 1,000 paths, a million combinations (denial of service).
 * @param start in [0, 1), the position of the first line
 */
function take(count: number, lineAt: (at: number) => string | undefined, maxBytes: number, start: number): string[] {
  const lines: string[] = [];
  const first = Math.floor(start * count);
  let bytes = 0;
  for (let step = 0; step < count; step++) {
    const line = lineAt((first + step) % count);
    if (line === undefined) continue;
    bytes += line.length;
    if (bytes > maxBytes && lines.length > 0) break;
    lines.push(line);
    if (bytes > maxBytes) break;
  }
  return lines;
}

/** The host and its parent domains, without the last label, which is always a public suffix. */
function domainsOf(hostname: string): string[] {
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return [];
  const labels = hostname.split(".").filter((label) => label !== "");
  return labels.slice(0, -1).map((_, at) => labels.slice(at).join("."));
}

/** All cookie paths that match the request path (RFC 6265bis §5.1.4) and are valid in Set-Cookie. */
function pathsOf(path: string): string[] {
  const [usable = "/"] = /^\/[!-:<-~]*/.exec(path) ?? [];
  const end = Math.min(usable.length, MAX_PATH_CHARS);
  const paths = ["/"];
  for (let at = path.indexOf("/", 1); at !== -1 && at < end; at = path.indexOf("/", at + 1))
    paths.push(path.slice(0, at), path.slice(0, at + 1));
  if (path.length <= end) paths.push(path);
  return [...new Set(paths)];
}
