// Serves the built SPA from memory. Files are read once at the start: no path traversal, no open descriptors, and no mix
// of two builds if the folder is replaced.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Context, Next } from "koa";
import { GatewayError } from "../errors.ts";
import { headerOf, isNavigation } from "./fetch-metadata.ts";
import { decodePath, isHiddenPath, isPagePath } from "./file-path.ts";
import { rawPath, requestState } from "./request-state.ts";

/** A build has a few megabytes; more indicates a wrong folder. */
const MAX_TOTAL_BYTES = 128 * 1024 * 1024;
/** Smaller files fit into one packet without compression. */
const MIN_COMPRESSED_BYTES = 1_024;
const ALLOW = ["GET", "HEAD"];
const MANAGEMENT_PATHS: ReadonlySet<string> = new Set(["/livez", "/readyz", "/metrics"]);

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".svg": "image/svg+xml; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".xml": "application/xml; charset=utf-8",
  ".wasm": "application/wasm",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".avif": "image/avif",
  ".ico": "image/x-icon",
  ".woff": "font/woff",
  ".woff2": "font/woff2",
  ".pdf": "application/pdf",
};

type Encoding = "br" | "gzip";
type StaticFile = {
  body: Buffer;
  etag: string;
  type: string;
  cacheControl: string;
  compressed: ReadonlyMap<Encoding, Buffer>;
};

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

/** @throws Error with the message of checkSpaRoot */
export function spaFiles({ root }: { root: string | undefined }) {
  const files = root === undefined ? new Map<string, StaticFile>() : readFiles(root);
  const index = files.get("/index.html");
  if (root !== undefined && index === undefined) throw new Error(checkSpaRoot(root) ?? "SPA_ROOT has no index.html.");
  return function serveSpa(ctx: Context, next: Next): Promise<void> {
    if (requestState(ctx).route.kind !== "pages") return next();
    if (ctx.req.method !== "GET" && ctx.req.method !== "HEAD")
      throw new GatewayError("method_not_allowed", { allow: ALLOW, reason: "static files are only read" });
    const path = rawPath(ctx.req.url ?? "");
    // Management paths are on another listener: a misdirected probe must not get index.html with 200.
    if (MANAGEMENT_PATHS.has(path) || isHiddenPath(path)) throw new GatewayError("not_found");
    const name = decodePath(path);
    const file = files.get(name) ?? (isPagePath(name, isNavigation(ctx.req)) ? index : undefined);
    if (file === undefined) throw new GatewayError("not_found");
    send(ctx, file);
    return Promise.resolve();
  };
}

function send(ctx: Context, { body, etag, type, cacheControl, compressed }: StaticFile): void {
  const { res } = ctx;
  res.setHeader("ETag", etag);
  res.setHeader("Cache-Control", cacheControl);
  if (compressed.size > 0) res.setHeader("Vary", "Accept-Encoding");
  if (isUnchanged(headerOf(ctx.req, "if-none-match"), etag)) {
    ctx.status = 304;
    return;
  }
  const encoding = chooseEncoding(headerOf(ctx.req, "accept-encoding"), compressed);
  ctx.status = 200;
  ctx.body = (encoding === undefined ? undefined : compressed.get(encoding)) ?? body;
  if (encoding !== undefined) res.setHeader("Content-Encoding", encoding);
  res.setHeader("Content-Type", type);
}

/** Weak comparison (RFC 9110 §13.1.2). */
function isUnchanged(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch?.split(",").some((tag) => `W/${tag.trim().replace(/^W\//, "")}` === etag) === true;
}

function chooseEncoding(accepted: string | undefined, compressed: StaticFile["compressed"]): Encoding | undefined {
  if (accepted === undefined) return undefined;
  const names = accepted.split(",").map((part) => part.trim());
  return (["br", "gzip"] as const).find((name) => compressed.has(name) && names.includes(name));
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
  const body = readFileSync(path);
  const type = typeOf(path, body);
  return {
    body,
    type,
    // Weak, since the compressed variants share it.
    etag: `W/"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
    // Vite's file names below /assets contain a content hash; all other files are revalidated.
    cacheControl: url.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    compressed: isText(type) && body.length >= MIN_COMPRESSED_BYTES ? compress(body) : new Map(),
  };
}

/** Files without an extension that contain JSON are served as JSON: apple-app-site-association, webauthn. */
function typeOf(path: string, body: Buffer): string {
  const extension = extname(path).toLowerCase();
  const isJson = extension === "" && isJsonText(body);
  return TYPES[isJson ? ".json" : extension] ?? "application/octet-stream";
}

function isJsonText(body: Buffer): boolean {
  try {
    return /^\s*[[{]/.test(body.toString("latin1", 0, 100)) && JSON.parse(body.toString()) !== null;
  } catch {
    return false;
  }
}

function isText(type: string): boolean {
  return type.includes("charset") || type === "application/wasm";
}

function compress(body: Buffer): Map<Encoding, Buffer> {
  return new Map([
    ["br", brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } })],
    ["gzip", gzipSync(body, { level: 9 })],
  ]);
}
