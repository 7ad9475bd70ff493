// The request that a forward-auth call describes, read from headers that the proxy itself sets. Fails closed: a describing
// header that is missing or sent twice is a fault, since one of two copies may be the browser's.
import type { IncomingMessage } from "node:http";
import { rawPath } from "../../http/request-state.ts";
import type { ForwardAuthProxy } from "../../config/forward-auth-settings.ts";

/** Path of the forward-auth endpoint. Envoy appends the path of the described request. */
export const FORWARD_AUTH_PATH = "/forward-auth";

export type Description =
  | { kind: "request"; request: IncomingMessage }
  /** The proxy's configuration is not the documented one. */
  | { kind: "fault"; reason: string };

type DescribingHeaders = {
  method: string;
  target: string;
  host: string;
  /** Address of the browser; the last entry of a list is the proxy's own. */
  address: string;
  /** Set by the proxy as well and not read. */
  others: readonly string[];
};

const FORWARDED: DescribingHeaders = {
  method: "x-forwarded-method",
  target: "x-forwarded-uri",
  host: "x-forwarded-host",
  address: "x-forwarded-for",
  others: ["x-forwarded-proto"],
};

/** Envoy sends method, path and host of the described request as its own. */
const DESCRIBING: Readonly<Record<Exclude<ForwardAuthProxy, "envoy">, DescribingHeaders>> = {
  nginx: {
    method: "x-original-method",
    target: "x-original-uri",
    host: "x-original-host",
    address: "x-original-for",
    others: [],
  },
  traefik: FORWARDED,
  caddy: FORWARDED,
};

const SLASH = 0x2f;

/** Headers of the call itself: they describe neither the browser's request nor its body. */
const OF_THE_CALL = ["content-length", "transfer-encoding", "connection", "expect", "x-forwarded-for"] as const;

/** @returns a reader for the calls of `proxy` */
export function describedRequestReader(proxy: ForwardAuthProxy): (call: IncomingMessage) => Description {
  return proxy === "envoy" ? readEnvoyCall : headerReader(DESCRIBING[proxy]);
}

function headerReader({ method, target, host, address, others }: DescribingHeaders) {
  const describing: ReadonlySet<string> = new Set([method, target, host, address, ...others]);
  return function read(call: IncomingMessage): Description {
    // Caddy appends the query of the described request, which is in the describing header as well.
    if (rawPath(call.url ?? "") !== FORWARD_AUTH_PATH) return fault(`the path of the call is not ${FORWARD_AUTH_PATH}`);
    const { headers } = call;
    const problem = findProblem(call, describing);
    if (problem !== undefined) return fault(problem);
    const described = {
      method: String(headers[method]),
      url: String(headers[target]),
      host: String(headers[host]),
      address: lastEntry(String(headers[address])),
    };
    for (const name of describing) headers[name] = undefined;
    return { kind: "request", request: toRequest(call, described) };
  };
}

/** Set by `headers_to_add`: to X-Forwarded-For Envoy appends its own address when it calls. */
const ENVOY_ADDRESS = "x-original-for";
const ENVOY_DESCRIBING: ReadonlySet<string> = new Set(["host", ENVOY_ADDRESS]);

function readEnvoyCall(call: IncomingMessage): Description {
  const { url = "", headers } = call;
  const path = url.slice(FORWARD_AUTH_PATH.length);
  // path_prefix and the path of the described request, which begins with a slash.
  if (!url.startsWith(FORWARD_AUTH_PATH) || path.charCodeAt(0) !== SLASH)
    return fault(`the path of the call is not the path_prefix ${FORWARD_AUTH_PATH} and the path of the request`);
  const problem = findProblem(call, ENVOY_DESCRIBING);
  if (problem !== undefined) return fault(problem);
  const described = {
    method: call.method ?? "",
    url: path,
    host: String(headers.host),
    address: lastEntry(String(headers[ENVOY_ADDRESS])),
  };
  headers[ENVOY_ADDRESS] = undefined;
  return { kind: "request", request: toRequest(call, described) };
}

/** @returns a sentence if a describing header is missing or occurs twice */
function findProblem({ headers, rawHeaders }: IncomingMessage, describing: ReadonlySet<string>): string | undefined {
  for (const name of describing) if (headers[name] === undefined) return `${name} is missing`;
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (describing.has((rawHeaders[at] ?? "").toLowerCase())) count++;
  return count === describing.size ? undefined : `one of ${[...describing].join(", ")} was sent twice`;
}

type Described = { method: string; url: string; host: string; address: string };

/** The described request with the properties that request inspection, CSRF checks and authorization read. */
function toRequest(call: IncomingMessage, { method, url, host, address }: Described): IncomingMessage {
  const { headers, rawHeaders } = call;
  for (const name of OF_THE_CALL) headers[name] = undefined;
  headers.host = host;
  const request = {
    ...{ method, url, headers, rawHeaders, httpVersionMajor: 1, httpVersionMinor: 1, complete: true },
    // Quotas and log read the address of the browser here: the caller is always the proxy.
    socket: { remoteAddress: address, destroyed: false },
  };
  return request as unknown as IncomingMessage;
}

/** Entries to its left were sent by the browser or by proxies in front of the caller. */
function lastEntry(list: string): string {
  return list.slice(list.lastIndexOf(",") + 1).trim();
}

function fault(reason: string): Description {
  return { kind: "fault", reason };
}
