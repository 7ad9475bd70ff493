// Connections to the provider: no keep-alive, limits, trusted CAs, the client's certificate and the outbound proxy. Files are
// read again, so that a renewed certificate needs no restart.
// By default: older versions of Node lack its `getCACertificates`, and must reach the check of the version.
import tls from "node:tls";
import { Agent, Client, Pool, ProxyAgent, type Dispatcher } from "undici";
import type { ClientCertificate } from "../config/client-auth-settings.ts";
import { parseCertificates } from "../config/client-keys.ts";
import { proxyFor, type ProxyConfig } from "../config/outbound-proxy.ts";
import { shaped } from "../lib/undici-client-shape.ts";
import { createFileValue, type FileValue } from "./file-value.ts";
import { throughTunnel } from "./proxy-tunnel.ts";
import { MAX_RESPONSE_BYTES } from "./provider-response.ts";

/** Node's default: a larger response head fails the request. */
const MAX_HEADER_BYTES = 16_384;
const MAX_CONNECT_MS = 3_000;

type Options = {
  timeoutMs: number;
  caFile?: string | undefined;
  certificate?: FileValue<ClientCertificate> | undefined;
  proxy?: ProxyConfig | undefined;
};

export type ProviderDispatcher = {
  /** @throws GatewayError provider_unavailable if a file has never been valid */
  to(url: URL): Dispatcher;
  /** @returns a sentence while OIDC_CA_FILE cannot be used */
  alarm(): string | undefined;
};

/** TLS options from files. */
type TlsFiles = { ca: readonly string[] | undefined; own: ClientCertificate | undefined };
type Built = TlsFiles & { direct: Agent; byProxy: Map<string, ProxyAgent> };

export function createProviderDispatcher({ timeoutMs, caFile, certificate, proxy }: Options): ProviderDispatcher {
  const ca = caFile === undefined ? undefined : createFileValue([{ setting: "OIDC_CA_FILE", path: caFile }], readCa);
  let built: Built | undefined;
  const current = (): Built => {
    const files = { ca: ca?.current(), own: certificate?.current() };
    if (built !== undefined && built.ca === files.ca && built.own === files.own) return built;
    // Requests in flight complete on the previous connections.
    for (const each of built === undefined ? [] : [built.direct, ...built.byProxy.values()]) void each.close();
    built = { ...files, direct: createAgent(timeoutMs, files), byProxy: new Map() };
    return built;
  };
  return {
    to(url) {
      const now = current();
      const address = proxy && proxyFor(url, proxy);
      if (address === undefined) return now.direct;
      const agent = now.byProxy.get(address) ?? createProxyAgent(address, timeoutMs, now);
      now.byProxy.set(address, agent);
      return agent;
    },
    alarm: () => ca?.fault(),
  };
}

function readCa(text = ""): { value: readonly string[] } | { fault: string } {
  const parsed = parseCertificates(text);
  if ("fault" in parsed) return { fault: `OIDC_CA_FILE ${parsed.fault}` };
  // `ca` replaces the default CAs (public ones and NODE_EXTRA_CA_CERTS), so they are part of it.
  return { value: [...tls.getCACertificates("default"), ...parsed.value.map((each) => each.toString())] };
}

const clientOf = (origin: URL, options: object): Client => shaped(new Client(origin, options));

/**
 * No keep-alive: on a reused connection that the provider closes at the same moment, it would be unknown whether the
 * refresh token of a failed request was spent.
 */
function limits(timeoutMs: number): Agent.Options {
  return {
    factory: (origin, options) => new Pool(origin, { ...(options as Pool.Options), factory: clientOf }),
    pipelining: 0,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Bytes on the wire: compressed input may be endless and decode to nothing.
    maxResponseSize: MAX_RESPONSE_BYTES,
  };
}

const connectMs = (timeoutMs: number): number => Math.min(timeoutMs, MAX_CONNECT_MS);

function tlsOptions({ ca, own }: TlsFiles) {
  return {
    ...(ca === undefined ? {} : { ca: [...ca] }),
    ...(own === undefined ? {} : { cert: own.cert, key: own.key }),
  };
}

function createAgent(timeoutMs: number, files: TlsFiles): Agent {
  return new Agent({ ...limits(timeoutMs), connect: { timeout: connectMs(timeoutMs), ...tlsOptions(files) } });
}

/** Every request has a tunnel of its own (CONNECT), so that TLS reaches the provider and limits apply to its responses. */
function createProxyAgent(address: string, timeoutMs: number, files: TlsFiles): ProxyAgent {
  return new ProxyAgent({
    ...limits(timeoutMs),
    uri: address,
    proxyTunnel: true,
    connectTimeout: connectMs(timeoutMs),
    requestTls: tlsOptions(files),
    // The client's certificate is for the provider only.
    proxyTls: tlsOptions({ ca: files.ca, own: undefined }),
    clientFactory: (origin, options) =>
      throughTunnel(new Pool(origin, { ...(options as Pool.Options), headersTimeout: connectMs(timeoutMs) }), origin),
  });
}
