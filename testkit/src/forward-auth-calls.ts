// Calls of the forward-auth listener as each proxy makes them, for a request of the browser. Traefik: by the source of its
// forwardAuth middleware (3.7.13). All four also run as real programs: forward-auth-proxies.extended.test.ts.
import { Agent, request, type IncomingHttpHeaders } from "node:http";
import type { ForwardAuthProxy } from "@cloakroom/gateway/src/config/forward-auth-settings.ts";

export type BrowserRequest = {
  method?: string;
  target: string;
  host: string;
  /** Name and value pairs, as the browser sent them. */
  headers?: readonly (readonly [string, string])[];
  address?: string;
};

export type CallResponse = { status: number; headers: IncomingHttpHeaders; body: string };

type Pairs = (readonly [string, string])[];

/** Headers of a call that the proxy deletes before it sets its own; names in lower case. */
const DELETED: Readonly<Record<ForwardAuthProxy, RegExp>> = {
  // proxy_set_header replaces exact names; names with an underscore or a dot are dropped.
  nginx:
    /^(host|connection|upgrade|te|expect|keep-alive|transfer-encoding|content-length|x-original-(method|uri|host|for))$|[_.]/,
  traefik:
    /^(host|connection|upgrade|te|keep-alive|trailers|transfer-encoding|content-length|x-forwarded-[a-z-]*|x-real-ip)$/,
  caddy: /^(host|connection|te|keep-alive|transfer-encoding|content-length|x-forwarded-(method|uri|host|for|proto))$/,
  envoy: /^(host|connection|upgrade|te|transfer-encoding|content-length|x-original-for)$/,
};

/** @returns the request line and the headers of the call */
export function describedCall(
  proxy: ForwardAuthProxy,
  browser: BrowserRequest,
): { method: string; path: string; headers: Pairs } {
  const { method = "GET", target, host, headers = [], address = "203.0.113.7" } = browser;
  const kept = headers.filter(([name]) => !DELETED[proxy].test(name.toLowerCase()));
  switch (proxy) {
    case "nginx":
      return {
        method: "GET",
        path: "/forward-auth",
        headers: [
          ["Host", "cloakroom_forward_auth"],
          ["X-Original-Method", method],
          ["X-Original-URI", target],
          ["X-Original-Host", host],
          ["X-Original-For", address],
          ...kept,
        ],
      };
    case "traefik":
    case "caddy":
      return {
        method: "GET",
        // Caddy keeps the query of the request.
        path: `/forward-auth${proxy === "caddy" ? queryOf(target) : ""}`,
        headers: [
          ["Host", "127.0.0.1:9001"],
          ...kept,
          ["X-Forwarded-Method", method],
          ["X-Forwarded-Proto", "https"],
          ["X-Forwarded-Host", host],
          ["X-Forwarded-Uri", target],
          ["X-Forwarded-For", address],
        ],
      };
    case "envoy":
      return {
        method,
        path: `/forward-auth${target}`,
        headers: [["Host", host], ["Content-Length", "0"], ...kept, ["X-Original-For", address]],
      };
  }
}

function queryOf(target: string): string {
  const at = target.indexOf("?");
  return at === -1 ? "" : target.slice(at);
}

export async function callForwardAuth(
  origin: string,
  proxy: ForwardAuthProxy,
  browser: BrowserRequest,
): Promise<CallResponse> {
  return sendCall(origin, describedCall(proxy, browser));
}

/** Sends exactly these headers. */
export function sendCall(
  origin: string,
  { method, path, headers }: ReturnType<typeof describedCall>,
): Promise<CallResponse> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const call = request({ hostname, port, method, path, headers: headers.flat(), setHost: false, agent });
    call.on("error", reject).on("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    call.end();
  });
}

const agent = new Agent({ keepAlive: true });
