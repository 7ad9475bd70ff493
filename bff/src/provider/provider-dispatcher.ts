// Connections to the provider: no keep-alive, limits, trusted CAs and the client's certificate. Files are read again, so
// that a renewed certificate needs no restart.
import { getCACertificates } from "node:tls";
import { Agent, Client, Pool, type Dispatcher } from "undici";
import type { ClientCertificate } from "../config/client-auth-settings.ts";
import { parseCertificates } from "../config/client-keys.ts";
import { shaped } from "../lib/undici-client-shape.ts";
import { createFileValue, type FileValue } from "./file-value.ts";
import { MAX_RESPONSE_BYTES } from "./provider-response.ts";

/** Node's default: a larger response head fails the request. */
const MAX_HEADER_BYTES = 16_384;
const MAX_CONNECT_MS = 3_000;

type Options = {
  timeoutMs: number;
  caFile?: string | undefined;
  certificate?: FileValue<ClientCertificate> | undefined;
};

export type ProviderDispatcher = {
  /** @throws GatewayError provider_unavailable if a file has never been valid */
  current(): Dispatcher;
  /** @returns a sentence while OIDC_CA_FILE cannot be used */
  alarm(): string | undefined;
};

export function createProviderDispatcher({ timeoutMs, caFile, certificate }: Options): ProviderDispatcher {
  const ca = caFile === undefined ? undefined : createFileValue([{ setting: "OIDC_CA_FILE", path: caFile }], readCa);
  let built: { ca: readonly string[] | undefined; own: ClientCertificate | undefined; dispatcher: Agent } | undefined;
  return {
    current() {
      const files = { ca: ca?.current(), own: certificate?.current() };
      if (built === undefined || built.ca !== files.ca || built.own !== files.own) {
        // Requests in flight complete on the previous connections.
        void built?.dispatcher.close();
        built = { ...files, dispatcher: createAgent(timeoutMs, files) };
      }
      return built.dispatcher;
    },
    alarm: () => ca?.fault(),
  };
}

function readCa(text = ""): { value: readonly string[] } | { fault: string } {
  const parsed = parseCertificates(text);
  if ("fault" in parsed) return { fault: `OIDC_CA_FILE ${parsed.fault}` };
  // `ca` replaces the default CAs (public ones and NODE_EXTRA_CA_CERTS), so they are part of it.
  return { value: [...getCACertificates("default"), ...parsed.value.map((each) => each.toString())] };
}

const clientOf = (origin: URL, options: object): Client => shaped(new Client(origin, options));

/**
 * No keep-alive: on a reused connection that the provider closes at the same moment, it would be unknown whether the
 * refresh token of a failed request was spent.
 */
function createAgent(
  timeoutMs: number,
  { ca, own }: { ca: readonly string[] | undefined; own: ClientCertificate | undefined },
): Agent {
  return new Agent({
    factory: (origin, options) => new Pool(origin, { ...(options as Pool.Options), factory: clientOf }),
    pipelining: 0,
    connect: {
      timeout: Math.min(timeoutMs, MAX_CONNECT_MS),
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(own === undefined ? {} : { cert: own.cert, key: own.key }),
    },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Bytes on the wire: compressed input may be endless and decode to nothing.
    maxResponseSize: MAX_RESPONSE_BYTES,
  });
}
