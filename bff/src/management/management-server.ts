// Management listener: /livez, /readyz, /metrics and the admin API, on a port of its own that is never public.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { CheckResult, ReadinessCheck } from "../metrics/dependency-check.ts";
import type { GatewayMetrics } from "../metrics/metrics.ts";
import { createReadiness, type ReadinessOptions, type ReadinessReport } from "./readiness.ts";
import { rawPath } from "../http/request-state.ts";
import type { AdminApi } from "./admin/admin-api.ts";

export type ManagementOptions = ReadinessOptions & {
  /** Ids of the applications and configuration hash, shown by /readyz so that instances can be compared. */
  identity: () => object;
  metrics: Pick<GatewayMetrics, "scrape" | "contentType">;
  /** Undefined: no ADMIN_TOKEN, and its paths are 404. */
  admin?: AdminApi | undefined;
};

type RouteDependencies = Pick<ManagementOptions, "identity" | "metrics"> & {
  reportReadiness: () => Promise<ReadinessReport>;
};

type ManagementResponse = { status: number; type: string; body: string };

const JSON_TYPE = "application/json; charset=utf-8";

export function createManagementServer(options: ManagementOptions): Server {
  const { identity, metrics, admin, ...readinessOptions } = options;
  const checks = () => [...readinessOptions.checks(), ...adminChecks(admin)];
  const reportReadiness = createReadiness({ ...readinessOptions, checks });
  const parts = { identity, metrics: withAdminMetrics(metrics, admin), reportReadiness };
  const server = createServer((request, response) => {
    if (admin !== undefined && isAdminPath(request.url ?? "")) void admin.handle(request, response);
    else void respond(parts, request, response);
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}

function isAdminPath(url: string): boolean {
  const path = rawPath(url);
  return path === "/admin" || path.startsWith("/admin/");
}

function adminChecks(admin: AdminApi | undefined): ReadinessCheck[] {
  if (admin === undefined) return [];
  const check = async (): Promise<CheckResult> => {
    const detail = admin.fault();
    return detail === undefined ? { status: "ok" } : { status: "degraded", detail };
  };
  return [{ name: "admin-token", check }];
}

function withAdminMetrics({ scrape, contentType }: ManagementOptions["metrics"], admin: AdminApi | undefined) {
  if (admin === undefined) return { scrape, contentType };
  const scrapeBoth = async (): Promise<string> => `${await scrape()}\n${await admin.metrics.scrape()}`;
  return { scrape: scrapeBoth, contentType };
}

async function respond(parts: RouteDependencies, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let reply: ManagementResponse;
  try {
    reply = await route(parts, request);
  } catch {
    reply = json(500, { status: "failed" });
  }
  response.writeHead(reply.status, {
    "Content-Type": reply.type,
    "Content-Length": Buffer.byteLength(reply.body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    ...(reply.status === 405 ? { Allow: "GET, HEAD" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : reply.body);
}

async function route(parts: RouteDependencies, { method, url = "" }: IncomingMessage): Promise<ManagementResponse> {
  if (method !== "GET" && method !== "HEAD") return json(405, { status: "method not allowed" });
  switch (rawPath(url)) {
    case "/livez":
      // Live means that the event loop runs. Dependencies are not checked: a restart would not fix them.
      return json(200, { status: "ok" });
    case "/readyz":
      return readinessResponse(parts.identity(), await parts.reportReadiness());
    case "/metrics":
      return { status: 200, type: parts.metrics.contentType, body: await parts.metrics.scrape() };
    default:
      return json(404, { status: "not found" });
  }
}

function readinessResponse(identity: object, { takesRequests, ...report }: ReadinessReport): ManagementResponse {
  return json(takesRequests ? 200 : 503, { ...identity, ...report });
}

function json(status: number, value: object): ManagementResponse {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}
