// Which Set-Cookie lines remove a planted duplicate of one of our cookies. The `Cookie` header shows neither Domain nor
// Path, so every combination that could have matched this request is expired, except our own (host-only, `Path=/`).
// Browsers that enforce the `__Host-` prefix store no such duplicate and ignore these lines.
import { isIP } from "node:net";

/** nginx reserves 4 kB for a response's head by default; a longer one would turn the cleanup into a 502. */
const MAX_BYTES = 2_600;
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
    const lines = names.flatMap((name) =>
      pathsOf(path).flatMap((each) =>
        scopes
          .filter((scope) => scope !== "" || each !== "/")
          .map((scope) => `${name}=; Path=${each}${scope}${ending}`),
      ),
    );
    const start = fits(lines) ? 0 : Math.floor(random() * lines.length);
    const chosen: string[] = [];
    let bytes = 0;
    for (const line of [...lines.slice(start), ...lines.slice(0, start)]) {
      bytes += line.length;
      if (bytes > MAX_BYTES && chosen.length > 0) break;
      chosen.push(line);
    }
    return chosen;
  };
}

function fits(lines: readonly string[]): boolean {
  return lines.reduce((sum, line) => sum + line.length, 0) <= MAX_BYTES;
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
