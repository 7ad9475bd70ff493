// The admin API of a gateway in the test process, on a management listener of its own.
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { digestOf, type AdminTokens } from "../../src/config/admin-token.ts";
import type { Config } from "../../src/config/config.ts";
import { createLog } from "../../src/logging/log.ts";
import { createAdminApi } from "../../src/management/admin/admin-api.ts";
import { createAdminApplication } from "../../src/management/admin/admin-application.ts";
import { errorsOf } from "../../scripts/admin-openapi.ts";
import { PROBLEM, PROGRESS } from "../../src/management/admin/admin-schemas.ts";
import { ADMIN_ROUTES, type AdminApplication } from "../../src/management/admin/admin-routes.ts";
import { createManagementServer } from "../../src/management/management-server.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import type { Store } from "../../src/store/store.ts";
import { VARIABLES, type SettingWords } from "../../src/config/setting-words.ts";

export const ADMIN_TOKEN = "b3BlbnNzbC1yYW5kLWJhc2U2NC0zMi1vZi10aGUtdGVzdHM=";

export type AdminResponse = {
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
  text: string;
};
export type TestAdminApi = {
  port: number;
  /** Log lines of the admin API. */
  events(name: string): Record<string, unknown>[];
  log: string[];
  /** Sends a request with the token. A header of `undefined` is not sent. */
  call(method: string, path: string, headers?: Record<string, string | undefined>): Promise<AdminResponse>;
  stop(): void;
};

type Options = {
  gateways: readonly { config: Config; store: Store }[];
  tokens?: AdminTokens;
  host?: string;
  /** Changes an application. */
  change?: (application: AdminApplication) => AdminApplication;
  /** Default: settings by their environment variables. */
  words?: SettingWords;
};

export const testTokens: AdminTokens = { tokens: [{ name: "tests", digest: digestOf(ADMIN_TOKEN) }], file: undefined };

export async function startAdminApi(options: Options): Promise<TestAdminApi> {
  const {
    gateways,
    tokens = testTokens,
    host = "127.0.0.1",
    change = (application) => application,
    words = VARIABLES,
  } = options;
  const log: string[] = [];
  const adminLog = createLog("debug", { destination: { write: (line: string) => void log.push(line) }, words });
  const applications = gateways.map(({ config, store }) =>
    change(createAdminApplication({ config, store, log: adminLog })),
  );
  const admin = createAdminApi({ tokens, host, applications: () => applications, log: adminLog, words });
  const server = createManagementServer({
    ...{ identity: () => ({}), metrics: createMetrics(), checks: () => [], isDraining: () => false, admin, words },
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    ...{ port, log },
    events: (name) =>
      log.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ event }) => event === name),
    call: (method, path, headers = {}) => call(port, { method, path, headers }),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

type Call = { method: string; path: string; headers: Record<string, string | undefined> };

/** With node:http, which sends no header of its own but Host and Connection. */
export async function call(port: number, { method, path, headers }: Call): Promise<AdminResponse> {
  const all = { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers };
  const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const outgoing = request({ host: "127.0.0.1", port, method, path, headers: sent as Record<string, string> });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  const status = response.statusCode ?? 0;
  checkAgainstDescription({ method, path, status, type: response.headers["content-type"] ?? "", text });
  const isJson = /^application\/(problem\+)?json/.test(response.headers["content-type"] ?? "") && text !== "";
  return {
    status,
    headers: response.headers as Record<string, string>,
    body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
    text,
  };
}

type Received = { method: string; path: string; status: number; type: string; text: string };

/** Every response that a test receives must be one that the OpenAPI document describes. */
function checkAgainstDescription({ method, path, status, type, text }: Received): void {
  if (!path.startsWith("/admin") || text === "" || type.startsWith("application/json") === (status !== 200)) return;
  const route = ADMIN_ROUTES.find(
    (each) =>
      each.method === method &&
      new RegExp(`^${each.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path.split("?")[0] ?? ""),
  );
  if (type.startsWith("application/problem+json")) {
    const { code } = PROBLEM.parse(JSON.parse(text));
    if (route !== undefined && !errorsOf(route).has(code)) throw new Error(`${route.id} does not describe ${code}`);
    return;
  }
  const lines = type.startsWith("application/x-ndjson") ? text.trim().split("\n") : undefined;
  if (lines === undefined) route?.response.parse(JSON.parse(text));
  else for (const line of lines) PROGRESS.or(PROBLEM).parse(JSON.parse(line));
}

/** Path of the sessions of a gateway's application. */
export const sessionsPath = ({ config }: Pick<TestGateway, "config">): string =>
  `/admin/applications/${config.application.id}/sessions`;
