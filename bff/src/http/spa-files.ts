// Serves the built SPA from memory. Files of SPA_ROOT are read once at startup: no path traversal, no open descriptors, and
// no mix of two builds if the folder is replaced. With SPA_URL there is one page and no further files.
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Context, Next } from "koa";
import { GatewayError } from "../errors.ts";
import { isNavigation } from "./fetch-metadata.ts";
import { decodePath, isHiddenPath, isPagePath } from "./file-path.ts";
import type { RemoteIndex } from "./remote-index.ts";
import { rawPath, requestState } from "./request-state.ts";
import { sendFile, staticFile, typeOf, type StaticFile } from "./static-file.ts";

/** A build has a few megabytes; more indicates a wrong folder. */
const MAX_TOTAL_BYTES = 128 * 1024 * 1024;
const ALLOW = ["GET", "HEAD"];
const INDEX = "/index.html";
const MANAGEMENT_PATHS: ReadonlySet<string> = new Set(["/livez", "/readyz", "/metrics"]);

/** @returns undefined if the folder can be served, else a message with setting, rule and cure */
export function checkSpaRoot(root: string | undefined): string | undefined {
  if (root === undefined) return undefined;
  try {
    if (statSync(join(root, "index.html")).isFile()) return undefined;
  } catch {
    // The message below covers it.
  }
  return "SPA_ROOT must name a folder with an index.html. Build the SPA first or correct the path.";
}

/** For loading the configuration of a gateway that will serve pages. */
export const PAGE_RULES = { spaRoot: checkSpaRoot } as const;

type SpaOptions = {
  root: string | undefined;
  /** The page of SPA_URL. */
  remote?: Pick<RemoteIndex, "page" | "retryAfterSeconds"> | undefined;
};

/** @throws Error with the message of checkSpaRoot */
export function spaFiles({ root, remote }: SpaOptions) {
  const files = root === undefined ? new Map<string, StaticFile>() : readFiles(root);
  const localIndex = files.get(INDEX);
  if (root !== undefined && localIndex === undefined)
    throw new Error(checkSpaRoot(root) ?? "SPA_ROOT has no index.html.");
  const index = remote === undefined ? () => localIndex : () => remoteIndex(remote);
  return function serveSpa(ctx: Context, next: Next): Promise<void> {
    if (requestState(ctx).route.kind !== "pages") return next();
    if (ctx.req.method !== "GET" && ctx.req.method !== "HEAD")
      throw new GatewayError("method_not_allowed", { allow: ALLOW, reason: "static files accept GET and HEAD only" });
    const path = rawPath(ctx.req.url ?? "");
    // Management paths are on another listener: a misdirected probe must not get index.html with 200.
    if (MANAGEMENT_PATHS.has(path) || isHiddenPath(path)) throw new GatewayError("not_found");
    const name = decodePath(path);
    const isPage = name === INDEX || isPagePath(name, isNavigation(ctx.req));
    const file = files.get(name) ?? (isPage ? index() : undefined);
    if (file === undefined) throw new GatewayError("not_found");
    sendFile(ctx, file);
    return Promise.resolve();
  };
}

/** @throws GatewayError upstream_unavailable */
function remoteIndex(remote: Pick<RemoteIndex, "page" | "retryAfterSeconds">): StaticFile {
  const page = remote.page();
  if (page !== undefined) return page;
  throw new GatewayError("upstream_unavailable", {
    reason: "the page of SPA_URL has not been loaded",
    retryAfterSeconds: remote.retryAfterSeconds(),
  });
}

function readFiles(root: string): Map<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  let totalBytes = 0;
  const visit = (folder: string, urlPath: string, above: readonly string[]): void => {
    // Symbolic links to a parent folder would recurse forever.
    const realFolder = realpathSync(folder);
    if (above.includes(realFolder)) return;
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const url = `${urlPath}/${name}`;
      // .git and .env may lie in the folder but are not part of a build (ASVS 13.4.1).
      if (isHiddenPath(url)) continue;
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats?.isDirectory() === true) visit(path, url, [...above, realFolder]);
      // Undefined: a broken symbolic link.
      if (stats?.isFile() !== true) continue;
      totalBytes += stats.size;
      if (totalBytes > MAX_TOTAL_BYTES) throw new Error("SPA_ROOT holds more than 128 MB. Name the build's folder.");
      files.set(url, readFile(path, url));
    }
  };
  visit(root, "", []);
  return files;
}

function readFile(path: string, url: string): StaticFile {
  // Vite's file names below /assets contain a content hash; all other files are revalidated.
  const cacheControl = url.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
  const body = readFileSync(path);
  return staticFile(body, { type: typeOf(path, body), cacheControl });
}
