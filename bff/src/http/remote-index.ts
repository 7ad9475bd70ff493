// The page of a CDN-hosted SPA (SPA_URL): fetched at startup, revalidated with its entity tag (RFC 9110 §13), and served
// from memory while the CDN does not respond (stale-if-error, RFC 5861 §4).
import { Agent, ProxyAgent, request, type Dispatcher } from "undici";
import { proxyFor, type ProxyConfig } from "../config/outbound-proxy.ts";
import type { Log } from "../logging/log.ts";
import { causesOf, codeOf, kindOfCode, type NetworkErrorKind } from "../lib/network-errors.ts";
import { staticFile, type StaticFile } from "./static-file.ts";

/** The `index.html` of an app has a few kilobytes. */
const MAX_BYTES = 1_048_576;
const MAX_HEADER_BYTES = 16_384;
/** For the whole response, redirects included. */
const TIMEOUT_MS = 10_000;
const CONNECT_MS = 3_000;
const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** A new release is visible after this time at the latest. */
const REVALIDATE_MS = 30_000;
/** Interval until the first page has been fetched; doubled after each failure. */
const FIRST_RETRY_MS = 1_000;

export type RemoteIndexOptions = {
  url: string;
  log: Pick<Log, "info" | "warn">;
  proxy?: ProxyConfig | undefined;
  /** Default: REVALIDATE_MS. */
  revalidateMs?: number;
  /** Default: TIMEOUT_MS. */
  timeoutMs?: number;
};

export type RemoteIndex = {
  /** @returns undefined until a page has been fetched */
  page(): StaticFile | undefined;
  /** Seconds until the next attempt. */
  retryAfterSeconds(): number;
  /** @returns a sentence while the page cannot be fetched, or cannot work */
  check(): string | undefined;
  close(): Promise<void>;
};

type Validators = { etag: string | undefined; lastModified: string | undefined };
type Fetched = { kind: "page"; body: Buffer; type: string; validators: Validators } | { kind: "unchanged" };

/** The reason why a response cannot be used: part of a sentence. */
class UnusableError extends Error {
  override readonly name = "UnusableError";
}

/** Starts fetching the page immediately. */
export function createRemoteIndex(options: RemoteIndexOptions): RemoteIndex {
  const { url, log, revalidateMs = REVALIDATE_MS, timeoutMs = TIMEOUT_MS } = options;
  const dispatcher = createDispatcher(options, timeoutMs);
  const closing = new AbortController();
  let page: StaticFile | undefined;
  let validators: Validators | undefined;
  let fault: string | undefined;
  let localAsset: string | undefined;
  let failures = 0;
  let nextAttemptMs = 0;
  let timer: NodeJS.Timeout | undefined;

  const accept = (fetched: Fetched): void => {
    if (fetched.kind === "page") {
      const next = staticFile(fetched.body, { type: fetched.type, cacheControl: "no-cache" });
      if (next.etag !== page?.etag) {
        localAsset = findLocalAsset(fetched.body.toString());
        log.info("page of SPA_URL loaded");
        if (localAsset !== undefined) log.warn(localAssetSentence(localAsset));
        page = next;
      }
      validators = fetched.validators;
    }
    fault = undefined;
    failures = 0;
  };
  const update = async (): Promise<void> => {
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]);
      accept(await fetchPage(url, { dispatcher, signal, validators: page && validators }));
    } catch (error) {
      if (closing.signal.aborted) return;
      failures++;
      const reason = reasonOf(error);
      if (fault === undefined) log.warn("page of SPA_URL cannot be loaded", { reason });
      fault = `SPA_URL cannot be loaded: ${reason}`;
    }
    if (closing.signal.aborted) return;
    const intervalMs = page === undefined ? Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), revalidateMs) : revalidateMs;
    nextAttemptMs = performance.now() + intervalMs;
    timer = setTimeout(() => void update(), intervalMs).unref();
  };
  void update();

  return {
    page: () => page,
    retryAfterSeconds: () => Math.max(1, Math.ceil((nextAttemptMs - performance.now()) / 1_000)),
    check() {
      if (fault !== undefined)
        return page === undefined ? `${fault}. Pages get 503` : `${fault}. The last page that was loaded is served`;
      if (page === undefined) return "SPA_URL has not been loaded yet";
      return localAsset && localAssetSentence(localAsset);
    },
    async close() {
      closing.abort();
      clearTimeout(timer);
      await dispatcher.destroy();
    },
  };
}

function createDispatcher({ url, proxy }: RemoteIndexOptions, timeoutMs: number): Dispatcher {
  const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, maxHeaderSize: MAX_HEADER_BYTES };
  const address = proxy && proxyFor(new URL(url), proxy);
  if (address !== undefined) return new ProxyAgent({ ...limits, uri: address, proxyTunnel: true });
  return new Agent({ ...limits, connect: { timeout: CONNECT_MS } });
}

type FetchOptions = { dispatcher: Dispatcher; signal: AbortSignal; validators: Validators | undefined };

/** @throws UnusableError, or an error of undici */
async function fetchPage(url: string, { dispatcher, signal, validators }: FetchOptions): Promise<Fetched> {
  const { protocol } = new URL(url);
  const isConditional = validators?.etag !== undefined || validators?.lastModified !== undefined;
  let target = url;
  for (let redirects = 0; ; redirects++) {
    const response = await request(target, { dispatcher, signal, headers: requestHeadersFor(validators) });
    const { statusCode, headers, body } = response;
    // Without a listener the error of an unread body would end the process.
    body.on("error", () => {});
    if (REDIRECTS.has(statusCode)) {
      body.destroy();
      target = redirectTarget(textOf(headers["location"]), { base: target, protocol });
      if (redirects >= MAX_REDIRECTS) throw new UnusableError(`more than ${MAX_REDIRECTS} redirects`);
      continue;
    }
    if (statusCode === 304 && isConditional) {
      body.destroy();
      return { kind: "unchanged" };
    }
    const type = textOf(headers["content-type"]) ?? "";
    const error = inspectResponse(statusCode, type, textOf(headers["content-encoding"]));
    if (error !== undefined) {
      body.destroy();
      throw new UnusableError(error);
    }
    const content = await readBody(body);
    return {
      kind: "page",
      body: content,
      type: /charset=/i.test(type) ? type : "text/html; charset=utf-8",
      validators: { etag: textOf(headers["etag"]), lastModified: textOf(headers["last-modified"]) },
    };
  }
}

function requestHeadersFor(validators: Validators | undefined): Record<string, string> {
  const { etag, lastModified } = validators ?? {};
  return {
    accept: "text/html",
    // A compressed body could decode to any length.
    "accept-encoding": "identity",
    ...(etag === undefined ? {} : { "if-none-match": etag }),
    // RFC 9110 §13.1.3: ignored by recipients of If-None-Match.
    ...(etag !== undefined || lastModified === undefined ? {} : { "if-modified-since": lastModified }),
  };
}

/** A redirect never leads from https to http, which an attacker on the network can replace. */
function redirectTarget(location: string | undefined, { base, protocol }: { base: string; protocol: string }): string {
  if (location === undefined || !URL.canParse(location, base)) throw new UnusableError("a redirect without a location");
  const target = new URL(location, base);
  if (target.protocol !== protocol)
    throw new UnusableError(`a redirect to ${target.protocol}// instead of ${protocol}//`);
  return target.href;
}

function inspectResponse(status: number, type: string, encoding: string | undefined): string | undefined {
  if (status !== 200) return `status ${status}`;
  if (!/^text\/html(?:\s*;|\s*$)/i.test(type)) return "its content type is not text/html";
  return encoding === undefined || encoding === "identity"
    ? undefined
    : "it is compressed, although the request accepts identity only";
}

async function readBody(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new UnusableError("it has more than 1 MB");
    chunks.push(chunk);
  }
  if (bytes === 0) throw new UnusableError("it is empty");
  return Buffer.concat(chunks);
}

/**
 * URLs of scripts and style sheets that are resolved against the public origin, which serves no files. A tag ends at the next
 * `<`: otherwise a page of many unclosed tags takes minutes (ReDoS).
 */
const LOCAL_ASSET =
  /<(?:script|link)\b[^<>]*\s(?:src|href)\s*=\s*["']?(?![a-z][a-z0-9+.-]*:|\/\/|#)([^\s"'>]+\.(?:m?js|css))\b/i;

function findLocalAsset(html: string): string | undefined {
  if (/<base\s/i.test(html)) return undefined;
  return LOCAL_ASSET.exec(html)?.[1]?.slice(0, 200);
}

function localAssetSentence(asset: string): string {
  return `The page of SPA_URL loads ${asset} from PUBLIC_ORIGIN, which does not serve it. Build the app with the CDN as base URL (Vite: --base)`;
}

const TEXTS: Partial<Record<NetworkErrorKind, string>> = {
  dns: "its host name was not resolved",
  refused: "the connection was refused",
  unreachable: "its host is unreachable",
  certificate: "its certificate is not trusted (NODE_EXTRA_CA_CERTS adds a CA)",
  tls: "the TLS handshake failed",
  proxy: "the outbound proxy opened no tunnel",
};

/** Without text of the error, which may quote the URL. */
function reasonOf(error: unknown): string {
  if (error instanceof UnusableError) return error.message;
  if (error instanceof Error && error.name === "TimeoutError") return "no complete response in time";
  for (const cause of causesOf(error)) {
    const code = codeOf(cause);
    const kind = kindOfCode(code);
    if (kind !== undefined) return `${TEXTS[kind] ?? "the connection failed"} (${code})`;
  }
  return "no usable response";
}

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
