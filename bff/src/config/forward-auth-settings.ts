// FORWARD_AUTH_LISTEN and FORWARD_AUTH_PROXY: the listener that decides requests for a proxy which forwards them itself.
import { isIP, type BlockList } from "node:net";
import { z } from "zod";
import type { Setting } from "./setting-shapes.ts";

/** The proxies whose forward-auth calls are understood. */
export const FORWARD_AUTH_PROXIES = ["nginx", "traefik", "caddy", "envoy"] as const;
export type ForwardAuthProxy = (typeof FORWARD_AUTH_PROXIES)[number];

export type ForwardAuthAddress =
  | Readonly<{ kind: "tcp"; host: string; port: number; isNetwork: boolean }>
  | Readonly<{ kind: "unix"; path: string }>;

export type ForwardAuthConfig = Readonly<{ listen: ForwardAuthAddress; proxy: ForwardAuthProxy }>;

/** Prefix of FORWARD_AUTH_LISTEN for an address that other machines reach. */
const NETWORK = "network:";
const SOCKET = "unix:";

const LOOPBACK_RULE =
  "must be a loopback address with a port (127.0.0.1:9001, [::1]:9001, localhost:9001) or unix:/path. An address that other machines reach needs the prefix network:, such as network:10.0.0.5:9001";

const address = z.string().transform((value, ctx): ForwardAuthAddress | undefined => {
  if (value.startsWith(SOCKET)) {
    const path = value.slice(SOCKET.length);
    // Linux limits socket paths to 107 bytes.
    if (path.startsWith("/") && !path.endsWith("/") && Buffer.byteLength(path) <= 107) return { kind: "unix", path };
    ctx.addIssue(
      "must name the socket by an absolute path of at most 107 bytes, such as unix:/run/cloakroom/auth.sock",
    );
    return undefined;
  }
  const isNetwork = value.startsWith(NETWORK);
  const [, bracketed, plain, digits] = ADDRESS.exec(isNetwork ? value.slice(NETWORK.length) : value) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = Number(digits);
  if (host === "" || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6)) {
    ctx.addIssue(LOOPBACK_RULE);
    return undefined;
  }
  if (isNetwork === isLoopback(host)) {
    ctx.addIssue(isNetwork ? "is a loopback address, which needs no network: prefix. Remove it" : LOOPBACK_RULE);
    return undefined;
  }
  return { kind: "tcp", host, port, isNetwork };
});

const ADDRESS = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i;

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

export const FORWARD_AUTH_SETTINGS = {
  FORWARD_AUTH_LISTEN: {
    path: "forwardAuth.listen",
    scope: "server",
    schema: address,
    meaning:
      "Address of the forward-auth listener, for a proxy that forwards the requests itself: `127.0.0.1:9001` or `unix:/run/cloakroom/forward-auth.sock`. An address that other machines reach needs the prefix `network:`, and its callers must be in TRUSTED_PROXIES. Unset: off",
  },
  FORWARD_AUTH_PROXY: {
    path: "forwardAuth.proxy",
    scope: "server",
    schema: z.enum(FORWARD_AUTH_PROXIES, { error: `must be one of ${FORWARD_AUTH_PROXIES.join(", ")}` }),
    meaning:
      "The proxy that calls FORWARD_AUTH_LISTEN: nginx (`auth_request`), traefik (`forwardAuth`), caddy (`forward_auth`) or envoy (`ext_authz`, HTTP service). Decides which headers describe the request",
  },
} as const satisfies Record<string, Setting>;

type Values = {
  FORWARD_AUTH_LISTEN?: ForwardAuthAddress | undefined;
  FORWARD_AUTH_PROXY?: ForwardAuthProxy | undefined;
  OIDC_SENDER_CONSTRAINED?: string | undefined;
  INSECURE_COOKIES?: string | undefined;
  TRUSTED_PROXIES?: BlockList | undefined;
  PORT?: number | undefined;
  MANAGEMENT_PORT?: number | undefined;
};

/** @returns undefined if the listener is off */
export function forwardAuthConfig({ FORWARD_AUTH_LISTEN: listen, FORWARD_AUTH_PROXY: proxy }: Values) {
  return listen === undefined || proxy === undefined ? undefined : ({ listen, proxy } satisfies ForwardAuthConfig);
}

/** Rules that involve both settings, or others. */
export function forwardAuthErrors(values: Values): string[] {
  const { FORWARD_AUTH_LISTEN: listen, FORWARD_AUTH_PROXY: proxy } = values;
  if (listen === undefined)
    return proxy === undefined ? [] : ["FORWARD_AUTH_PROXY has no effect without FORWARD_AUTH_LISTEN. Set both."];
  const faults: string[] = [];
  if (proxy === undefined)
    faults.push(`FORWARD_AUTH_LISTEN needs FORWARD_AUTH_PROXY. Set it to one of ${FORWARD_AUTH_PROXIES.join(", ")}.`);
  if (values.OIDC_SENDER_CONSTRAINED !== undefined && values.OIDC_SENDER_CONSTRAINED !== "off")
    faults.push(
      "FORWARD_AUTH_LISTEN cannot be used with OIDC_SENDER_CONSTRAINED: each request with a bound token needs a proof or a client certificate of the gateway, and here the proxy sends the requests. Unset one of the two.",
    );
  if (values.INSECURE_COOKIES === "loopback")
    faults.push(
      "FORWARD_AUTH_LISTEN cannot be used with INSECURE_COOKIES=loopback, which is for development without a proxy. Unset one of the two.",
    );
  if (listen.kind === "tcp" && listen.isNetwork && values.TRUSTED_PROXIES?.rules.length === 0)
    faults.push(
      "FORWARD_AUTH_LISTEN=network: needs TRUSTED_PROXIES: only these addresses may call it. List the proxy there, or listen on a loopback address.",
    );
  if (listen.kind === "tcp" && listen.port !== 0 && [values.PORT, values.MANAGEMENT_PORT].includes(listen.port))
    faults.push("FORWARD_AUTH_LISTEN must differ from PORT and MANAGEMENT_PORT. Choose another port.");
  return faults;
}
