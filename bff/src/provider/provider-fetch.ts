// HTTP client for the provider: no redirects, optional internal URL, and limits on time and size of every response.
// Connections: provider-dispatcher.ts.
import { fetch as undiciFetch } from "undici";
import type { SenderConstrained } from "../config/provider-settings.ts";
import type { ProxyConfig } from "../config/outbound-proxy.ts";
import { createProviderDispatcher, type ProviderDispatcher } from "./provider-dispatcher.ts";
import { checkedPushedResponse, checkedTokenResponse, isErrorResponse, readBody } from "./provider-response.ts";

export type ProviderFetch = (url: string, init: RequestInit) => Promise<Response>;

/** Statuses for which `new Response` rejects a body. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

type Options = {
  issuer: string;
  internalUrl: string | undefined;
  timeoutMs: number;
  caFile?: string | undefined;
  proxy?: ProxyConfig | undefined;
  senderConstrained?: SenderConstrained;
  idTokenAlg?: string;
};

/** @param dispatcher default: without a client certificate */
export function createProviderFetch(
  config: Options,
  dispatcher: Pick<ProviderDispatcher, "to"> = createProviderDispatcher(config),
): ProviderFetch {
  const binding = config.senderConstrained ?? "off";
  const publicOrigin = new URL(config.issuer).origin;
  const internal = config.internalUrl?.replace(/\/$/, "");
  return async function fetchFromProvider(url: string, init: RequestInit): Promise<Response> {
    const parsed = new URL(url);
    const target =
      internal !== undefined && parsed.origin === publicOrigin ? internal + parsed.pathname + parsed.search : url;
    const isTooLarge = new AbortController();
    // Until the last byte of the body, so that a slow response times out as well.
    const signals = [AbortSignal.timeout(config.timeoutMs), isTooLarge.signal, init.signal ?? []].flat();
    const headers = new Headers(init.headers);
    headers.set("accept-encoding", "identity");
    const options = {
      ...init,
      headers: [...headers],
      signal: AbortSignal.any(signals),
      redirect: "manual",
      dispatcher: dispatcher.to(new URL(target)),
    };
    const response = await undiciFetch(target, options as Parameters<typeof undiciFetch>[1]);
    try {
      return await boundedResponse(response as unknown as Response, {
        kind: kindOf(init),
        binding,
        idTokenAlg: config.idTokenAlg,
      });
    } catch (error) {
      isTooLarge.abort();
      throw error;
    }
  };
}

type RequestKind = "token" | "push" | "form" | "other";

function kindOf({ body }: RequestInit): RequestKind {
  if (!(body instanceof URLSearchParams)) return "other";
  if (body.has("grant_type")) return "token";
  return body.has("response_type") || body.has("request") ? "push" : "form";
}

type Expected = { kind: RequestKind; binding: SenderConstrained; idTokenAlg: string | undefined };

/** Reads the whole body into memory. @throws OversizedResponseError | UnusableTokensError */
async function boundedResponse(response: Response, { kind, binding, idTokenAlg }: Expected): Promise<Response> {
  const { status, headers } = response;
  const body = await readBody(response.body as unknown as AsyncIterable<Uint8Array> | null);
  if (WITHOUT_BODY.has(status)) return new Response(null, { status, headers: [...headers] });
  if (kind !== "other" && isErrorResponse(status, body)) return errorResponse(response, body);
  // RFC 9126 §2.2 requires 201; some providers send 200.
  const isPushed = kind === "push" && (status === 200 || status === 201);
  const checked =
    kind === "token" && status === 200
      ? checkedTokenResponse(body, binding, idTokenAlg)
      : isPushed && checkedPushedResponse(body);
  if (checked instanceof Buffer) return jsonResponse(checked, isPushed ? 201 : status, [...headers]);
  // Without tokens or a request URI: openid-client rejects it.
  return new Response(new Uint8Array(body), { status, headers: [...headers] });
}

/** With the media type that openid-client demands: the tokens of a response without it are spent and would be lost. */
function jsonResponse(body: Buffer, status: number, headers: [string, string][]): Response {
  const kept = headers.filter(([name]) => name !== "content-type");
  return new Response(new Uint8Array(body), { status, headers: [...kept, ["content-type", "application/json"]] });
}

/**
 * An error response (RFC 6749 §5.2) for openid-client, which reads the code only with a status 4xx, as application/json and
 * without a challenge.
 */
function errorResponse({ status, headers }: Response, body: Buffer): Response {
  const kept = [...headers].filter(([name]) => name !== "www-authenticate");
  return jsonResponse(body, status === 200 ? 400 : status, kept);
}
