// The management listener: is the process alive, may it get requests, what does it count. Never on the public one.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Metrics } from "../metrics/metrics.ts";
import { createReadiness, type ReadinessParts, type ReadinessReport } from "./readiness.ts";
import { rawPath } from "../http/request-state.ts";

export type ManagementParts = ReadinessParts & {
  /** Shown by /readyz: instances that should be one application can be compared. */
  application: string;
  metrics: Pick<Metrics, "scrape" | "contentType">;
};

type RouteParts = Pick<ManagementParts, "application" | "metrics"> & {
  reportReadiness: () => Promise<ReadinessReport>;
};

type Answer = { status: number; type: string; body: string };

const JSON_TYPE = "application/json; charset=utf-8";

export function createManagementServer({ application, metrics, ...readinessParts }: ManagementParts): Server {
  const parts = { application, metrics, reportReadiness: createReadiness(readinessParts) };
  const server = createServer((request, response) => {
    void respond(parts, request, response);
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}

async function respond(parts: RouteParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let answer: Answer;
  try {
    answer = await route(parts, request);
  } catch {
    answer = json(500, { status: "failed" });
  }
  response.writeHead(answer.status, {
    "Content-Type": answer.type,
    "Content-Length": Buffer.byteLength(answer.body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    ...(answer.status === 405 ? { Allow: "GET, HEAD" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

async function route(parts: RouteParts, { method, url = "" }: IncomingMessage): Promise<Answer> {
  if (method !== "GET" && method !== "HEAD") return json(405, { status: "method not allowed" });
  switch (rawPath(url)) {
    case "/livez":
      // Alive means that the event loop turns; a broken Redis is cured by no restart of ours.
      return json(200, { status: "ok" });
    case "/readyz":
      return readinessResponse(parts.application, await parts.reportReadiness());
    case "/metrics":
      return { status: 200, type: parts.metrics.contentType, body: await parts.metrics.scrape() };
    default:
      return json(404, { status: "not found" });
  }
}

function readinessResponse(application: string, { takesRequests, ...report }: ReadinessReport): Answer {
  return json(takesRequests ? 200 : 503, { application, ...report });
}

function json(status: number, value: object): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}
