// Headers of an allow: everything that the gateway adds to a forwarded request, in a form that removes the browser's copies.
import type { IncomingMessage } from "node:http";
import type { ForwardAuthProxy } from "../../config/forward-auth-settings.ts";
import type { Upstream } from "../../upstream/upstreams.ts";
import type { Authorized } from "../authorize.ts";

type Allowed = { request: IncomingMessage; requestId: string };

/** Names that Envoy may keep: of the connection, set by Envoy itself, or part of a WebSocket handshake. */
const KEPT_BY_ENVOY =
  /^(?:host|content-length|transfer-encoding|connection|upgrade|te|expect|x-forwarded-(?:for|proto)|x-request-id|x-original-for|sec-websocket-.*)$/;

export function createAllowHeaders(upstreams: readonly Upstream[], proxy: ForwardAuthProxy) {
  const configured = new Set(upstreams.flatMap(({ config }) => [...config.headers.keys(), ...identityNamesOf(config)]));
  const ofRows = new Map(upstreams.map((upstream) => [upstream, rowHeaders(upstream, configured)]));
  /** Lower-case names of all headers that an allow sets. */
  const names: ReadonlySet<string> = new Set(["authorization", "x-request-id", ...configured]);

  /** @returns a flat list of names and values. Every configured header is in it, empty if it has no value */
  const headersFor = (
    upstream: Upstream,
    { accessToken, client, identity }: Authorized,
    { request, requestId }: Allowed,
  ): string[] => {
    const token = accessToken === undefined ? "" : `${client?.scheme ?? "Bearer"} ${accessToken}`;
    const list = ["Authorization", token, "X-Request-Id", requestId];
    list.push(...(ofRows.get(upstream) ?? []), ...upstream.identityHeadersOf(identity?.claims));
    if (proxy === "envoy")
      list.push("X-Envoy-Auth-Headers-To-Remove", removedByEnvoy(upstream, request, list).join(", "));
    return list;
  };
  return { names, headersFor };
}

/** The row's own headers, and those of other rows without a value. */
function rowHeaders({ config }: Upstream, configured: ReadonlySet<string>): string[] {
  const identity = new Set(identityNamesOf(config));
  const names = [...configured].filter((name) => !identity.has(name));
  return names.flatMap((name) => [name, config.headers.get(name) ?? ""]);
}

function identityNamesOf({ identityHeaders }: Upstream["config"]): string[] {
  return identityHeaders.map(({ name }) => name);
}

/** The browser's headers that the gateway would not forward, and those that the allow sets without a value. */
function removedByEnvoy({ isRequestHeaderForwarded }: Upstream, request: IncomingMessage, list: readonly string[]) {
  const set = new Map<string, string>();
  for (let at = 0; at < list.length; at += 2) set.set((list[at] ?? "").toLowerCase(), list[at + 1] ?? "");
  const removed = [...set].filter(([, value]) => value === "").map(([name]) => name);
  for (const name in request.headers)
    if (!set.has(name) && !KEPT_BY_ENVOY.test(name) && !isRequestHeaderForwarded(name)) removed.push(name);
  return removed;
}
