// A reverse proxy between gateway and Keycloak: counts requests by endpoint, records the issued tokens, and can be taken
// down. It gives a Keycloak system the counters and records that the embedded provider has built in.
import { request, type IncomingMessage, type ServerResponse } from "node:http";
import type { CounterName } from "@cloakroom/testing/provider/counters.ts";
import type { IssuedTokens } from "@cloakroom/testing/provider/types.ts";
import { listen } from "@cloakroom/testing/listener.ts";

export type ProviderProxy = {
  readonly origin: string;
  readonly issued: IssuedTokens;
  count: (event: CounterName) => number;
  resetCounts: () => void;
  /** The gateway cannot connect to the provider; browsers, which do not use the proxy, still can. */
  down: () => Promise<void>;
  up: () => Promise<void>;
  stop: () => Promise<void>;
};

const ENDPOINTS: readonly (readonly [suffix: string, endpoint: CounterName])[] = [
  ["/protocol/openid-connect/ext/par/request", "par"],
  ["/protocol/openid-connect/token", "token"],
  ["/protocol/openid-connect/revoke", "revocation"],
];

export async function startProviderProxy(providerOrigin: string): Promise<ProviderProxy> {
  const { record, ...recorded } = startRecord();
  const listener = await listen((req, res) => forward({ req, res, providerOrigin, record }), {
    host: "127.0.0.1",
    port: 0,
  });
  return {
    ...recorded,
    origin: `http://127.0.0.1:${listener.port}`,
    down: listener.down,
    up: listener.up,
    stop: listener.down,
  };
}

type RecordExchange = (path: string, form: URLSearchParams, response: { status: number; text: string }) => void;

function startRecord() {
  const counts = new Map<CounterName, number>();
  const spent = new Set<string>();
  const issued: IssuedTokens = {
    ...{ accessTokens: [], refreshTokens: [], idTokens: [] },
    ...{ logoutTokens: [], codes: [], clientSecrets: [] },
  };
  const increment = (event: CounterName) => counts.set(event, (counts.get(event) ?? 0) + 1);
  const record: RecordExchange = (path, form, { status, text }) => {
    const endpoint = ENDPOINTS.find(([suffix]) => path.endsWith(suffix))?.[1];
    if (endpoint === undefined) return;
    increment(endpoint);
    if (endpoint !== "token") return;
    increment(`token:${form.get("grant_type")}` as CounterName);
    addString(issued.codes, form.get("code"));
    const refreshToken = form.get("refresh_token");
    if (refreshToken !== null && spent.has(refreshToken)) increment("refresh-token-reuse");
    if (status !== 200) return;
    if (refreshToken !== null) spent.add(refreshToken);
    const tokens = JSON.parse(text) as { [member: string]: unknown };
    addString(issued.accessTokens, tokens["access_token"]);
    addString(issued.refreshTokens, tokens["refresh_token"]);
    addString(issued.idTokens, tokens["id_token"]);
  };
  return {
    issued,
    record,
    count: (event: CounterName) => counts.get(event) ?? 0,
    resetCounts: () => counts.clear(),
  };
}

type Forwarding = { req: IncomingMessage; res: ServerResponse; providerOrigin: string; record: RecordExchange };

function forward({ req, res, providerOrigin, record }: Forwarding): void {
  const { method = "GET", url = "/" } = req;
  const requestBody = collect(req);
  const upstream = request(providerOrigin, { method, path: url, headers: req.rawHeaders, agent: false }, (response) => {
    const responseBody = collect(response);
    const status = response.statusCode ?? 502;
    // Recorded before the gateway receives the end: the test may read the record right after the gateway's response.
    response.on("end", () =>
      record(url.split("?")[0] ?? "", new URLSearchParams(requestBody()), { status, text: responseBody() }),
    );
    res.sendDate = false;
    res.writeHead(status, response.rawHeaders);
    response.pipe(res);
    response.on("error", () => res.destroy());
  });
  upstream.on("error", () => res.destroy());
  res.on("close", () => upstream.destroy());
  req.pipe(upstream);
}

function collect(message: IncomingMessage): () => string {
  const chunks: Buffer[] = [];
  message.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

function addString(list: string[], value: unknown): void {
  if (typeof value === "string" && !list.includes(value)) list.push(value);
}
