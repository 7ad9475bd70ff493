// The wire between the gateway and Keycloak: passes everything on, writes down what was issued over it, and can be cut.
// The embedded provider tells these things itself; Keycloak is asked nothing that a real one would not answer.
import { request, type IncomingMessage, type ServerResponse } from "node:http";
import type { Counted } from "../../demo/src/provider/counters.ts";
import type { IssuedTokens } from "../../demo/src/provider/types.ts";
import { listen } from "../../demo/src/listener.ts";

export type ProviderWire = {
  readonly origin: string;
  readonly issued: IssuedTokens;
  count: (what: Counted) => number;
  resetCounts: () => void;
  /** The provider cannot be reached; browsers still find its pages. */
  down: () => Promise<void>;
  up: () => Promise<void>;
  stop: () => Promise<void>;
};

const ENDPOINTS: readonly (readonly [suffix: string, what: Counted])[] = [
  ["/protocol/openid-connect/ext/par/request", "par"],
  ["/protocol/openid-connect/token", "token"],
  ["/protocol/openid-connect/revoke", "revocation"],
];

export async function startProviderWire(providerOrigin: string): Promise<ProviderWire> {
  const counts = new Map<Counted, number>();
  const spent = new Set<string>();
  const issued: IssuedTokens = {
    ...{ accessTokens: [], refreshTokens: [], idTokens: [] },
    ...{ logoutTokens: [], codes: [], clientSecrets: [] },
  };
  const add = (what: Counted) => counts.set(what, (counts.get(what) ?? 0) + 1);
  const record: Record = (path, form, { status, text }) => {
    const endpoint = ENDPOINTS.find(([suffix]) => path.endsWith(suffix))?.[1];
    if (endpoint === undefined) return;
    add(endpoint);
    if (endpoint !== "token") return;
    add(`token:${form.get("grant_type")}` as Counted);
    keep(issued.codes, form.get("code"));
    const refreshToken = form.get("refresh_token");
    if (refreshToken !== null && spent.has(refreshToken)) add("refresh-token-reuse");
    if (status !== 200) return;
    if (refreshToken !== null) spent.add(refreshToken);
    const answer = JSON.parse(text) as { [member: string]: unknown };
    keep(issued.accessTokens, answer["access_token"]);
    keep(issued.refreshTokens, answer["refresh_token"]);
    keep(issued.idTokens, answer["id_token"]);
  };
  const listener = await listen((req, res) => passOn({ req, res, providerOrigin, record }), {
    host: "127.0.0.1",
    port: 0,
  });
  return {
    origin: `http://127.0.0.1:${listener.port}`,
    issued,
    count: (what) => counts.get(what) ?? 0,
    resetCounts: () => counts.clear(),
    down: listener.down,
    up: listener.up,
    stop: listener.down,
  };
}

type Record = (path: string, form: URLSearchParams, answer: { status: number; text: string }) => void;
type Passing = { req: IncomingMessage; res: ServerResponse; providerOrigin: string; record: Record };

function passOn({ req, res, providerOrigin, record }: Passing): void {
  const { method = "GET", url = "/" } = req;
  const sent = collect(req);
  const onward = request(providerOrigin, { method, path: url, headers: req.rawHeaders, agent: false }, (answer) => {
    const got = collect(answer);
    const status = answer.statusCode ?? 502;
    // Before the gateway sees the end of it: what a test does next may already ask about it.
    answer.on("end", () => record(url.split("?")[0] ?? "", new URLSearchParams(sent()), { status, text: got() }));
    res.sendDate = false;
    res.writeHead(status, answer.rawHeaders);
    answer.pipe(res);
    answer.on("error", () => res.destroy());
  });
  onward.on("error", () => res.destroy());
  res.on("close", () => onward.destroy());
  req.pipe(onward);
}

function collect(message: IncomingMessage): () => string {
  const chunks: Buffer[] = [];
  message.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

function keep(list: string[], value: unknown): void {
  if (typeof value === "string" && !list.includes(value)) list.push(value);
}
