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
  return function expireDuplicates(names: readonly string[], path: string): string[] {
    const paths = pathsOf(path);
    const lineOf = (name: string, value: string, place: number): string | undefined => {
      const [each = "", scope = ""] = [paths[Math.floor(place / scopes.length)], scopes[place % scopes.length]];
      const isOurs = name !== "" && scope === "" && each === "/";
      return isOurs ? undefined : `${name}=${value}; Path=${each}${scope}${ending}`;
    };
    const places = paths.length * scopes.length;
    const named = (at: number) => lineOf(names[Math.floor(at / places)] ?? "", "", at % places);
    // WebKitGTK sends a cookie without name and with the value `__Host-Http-session=x` as if that were its name.
    const nameless = (at: number) => lineOf("", "x", at);
    return [
      ...take(names.length * places, named, MAX_BYTES, random()),
      ...take(places, nameless, MAX_NAMELESS_BYTES, random()),
    ];
  };
}

/**
 * As many lines as fit, at least one. Builds only the lines that it returns: a request of 16 kB may name 200 cookies
 * below 1,000 paths, a million combinations (denial of service).
 * @param start from 0 to 1: where to begin
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

/** The host and its parent domains; the last label alone is a public suffix everywhere. */
function domainsOf(hostname: string): string[] {
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return [];
  const labels = hostname.split(".").filter((label) => label !== "");
  return labels.slice(0, -1).map((_, at) => labels.slice(at).join("."));
}

/** Every cookie path that matches this request path (RFC 6265bis §5.1.4) and that a Set-Cookie line can carry. */
function pathsOf(path: string): string[] {
  const [usable = "/"] = /^\/[!-:<-~]*/.exec(path) ?? [];
  const end = Math.min(usable.length, MAX_PATH_CHARS);
  const paths = ["/"];
  for (let at = path.indexOf("/", 1); at !== -1 && at < end; at = path.indexOf("/", at + 1))
    paths.push(path.slice(0, at), path.slice(0, at + 1));
  if (path.length <= end) paths.push(path);
  return [...new Set(paths)];
}
