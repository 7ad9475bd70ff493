// How the gateway's own calls reach the provider: no redirects, no reused connection, and by its internal address.
import { Agent, Client, Pool, fetch as undiciFetch } from "undici";
import { shaped } from "../client-shape.ts";

export type ProviderFetch = (url: string, init: object) => Promise<Response>;

const clientOf = (origin: URL, options: object): Client => shaped(new Client(origin, options));

/**
 * Without keep-alive a request never meets a connection that the provider is just closing: for a refresh that would
 * leave unknown whether the refresh token was spent.
 */
export function createProviderFetch(config: { issuer: string; internalUrl: string | undefined; timeoutMs: number }) {
  const dispatcher = new Agent({
    factory: (origin, options) => new Pool(origin, { ...(options as Pool.Options), factory: clientOf }),
    pipelining: 0,
    connect: { timeout: Math.min(config.timeoutMs, 3_000) },
    headersTimeout: config.timeoutMs,
    bodyTimeout: config.timeoutMs,
  });
  const publicOrigin = new URL(config.issuer).origin;
  const internal = config.internalUrl?.replace(/\/$/, "");
  const fetchFromProvider: ProviderFetch = async (url, init) => {
    const parsed = new URL(url);
    const target =
      internal !== undefined && parsed.origin === publicOrigin ? internal + parsed.pathname + parsed.search : url;
    const options = { ...init, redirect: "manual", dispatcher } as Parameters<typeof undiciFetch>[1];
    return (await undiciFetch(target, options)) as unknown as Response;
  };
  return fetchFromProvider;
}

const NEVER_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);

/** @returns the code of a fault that came before anything was sent, or undefined where it may have been sent. */
export function neverSentCode(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    const code = "code" in current ? current.code : undefined;
    if (typeof code === "string" && NEVER_SENT.has(code)) return code;
    if (current instanceof AggregateError) {
      const codes = current.errors.map(neverSentCode);
      if (codes.every((each) => each !== undefined)) return codes[0];
    }
  }
  return undefined;
}
