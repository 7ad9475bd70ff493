// Tunnels through an HTTP proxy (CONNECT, RFC 9110 §9.3.6). A failure to open one counts as never sent: nothing has reached
// the provider (I4).
import type { Pool } from "undici";
import { codeOf, PROXY_ERROR_CODE } from "../lib/network-errors.ts";

/** The proxy opened no tunnel. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly code = PROXY_ERROR_CODE;
}

/** @returns the pool of connections to the proxy, whose `connect` fails with ProxyError only */
export function throughTunnel(pool: Pool, proxy: URL | string): Pool {
  const { host } = new URL(proxy);
  const connect = pool.connect.bind(pool);
  const openTunnel = async (options: Parameters<typeof connect>[0]) => {
    const response = await connect(options).catch((error: unknown) => {
      throw new ProxyError(sentence(host, codeOf(error) || "no response"), { cause: error });
    });
    if (response.statusCode === 200) return response;
    response.socket.on("error", () => undefined).destroy();
    throw new ProxyError(sentence(host, String(response.statusCode)));
  };
  return Object.assign(pool, { connect: openTunnel as Pool["connect"] });
}

function sentence(host: string, reason: string): string {
  return `the proxy ${host} (HTTPS_PROXY, HTTP_PROXY) opens no tunnel to the provider (${reason}). Correct the setting, allow the provider's host at the proxy, or add it to NO_PROXY`;
}

/** @returns the proxy's error that an error of undici or openid-client wraps */
export function proxyErrorOf(error: unknown): ProxyError | undefined {
  for (let current = error; current instanceof Error; current = current.cause)
    if (current instanceof ProxyError) return current;
  return undefined;
}
