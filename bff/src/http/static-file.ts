// Files served from memory: content type, entity tag, compressed variants and conditional requests (RFC 9110 §13).
import { createHash } from "node:crypto";
import { extname } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Context } from "koa";
import { headerOf } from "./fetch-metadata.ts";

/** Smaller files fit into one packet without compression. */
const MIN_COMPRESSED_BYTES = 1_024;

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
export type StaticFile = {
  body: Buffer;
  etag: string;
  type: string;
  cacheControl: string;
  compressed: ReadonlyMap<Encoding, Buffer>;
};

/** Compresses the body once, if it is text. */
export function staticFile(
  body: Buffer,
  { type, cacheControl }: Pick<StaticFile, "type" | "cacheControl">,
): StaticFile {
  return {
    body,
    type,
    cacheControl,
    // Weak, since the compressed variants share it.
    etag: `W/"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
    compressed: isText(type) && body.length >= MIN_COMPRESSED_BYTES ? compress(body) : new Map(),
  };
}

export function sendFile(ctx: Context, { body, etag, type, cacheControl, compressed }: StaticFile): void {
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

/** Files without an extension that contain JSON are served as JSON: apple-app-site-association, webauthn. */
export function typeOf(path: string, body: Buffer): string {
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
