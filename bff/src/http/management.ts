// The management listener: is the process alive, may it get requests, what does it count. Never on the public one.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Metrics } from "./metrics.ts";
import { rawPath } from "./request-state.ts";

export type CheckResult = {
  /** `degraded`: something is wrong that requests survive; `failed`: send no requests here. */
  status: "ok" | "degraded" | "failed";
  /** One sentence for the operator that names the setting and the cure; never a secret. */
  detail?: string;
};

export type ReadinessCheck = { name: string; check: () => Promise<CheckResult> };

export type ManagementParts = {
  /** Shown by /readyz: instances that should be one application can be compared. */
  application: string;
  metrics: Pick<Metrics, "scrape" | "contentType">;
  checks: readonly ReadinessCheck[];
  isDraining: () => boolean;
  /** A check that takes longer counts as failed: probes give up after a second or two. */
  checkTimeoutMs?: number;
};

type Answer = { status: number; type: string; body: string };

const JSON_TYPE = "application/json; charset=utf-8";

export function createManagementServer(parts: ManagementParts): Server {
  const server = createServer((request, response) => {
    void respond(parts, request, response);
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}

async function respond(parts: ManagementParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
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

async function route(parts: ManagementParts, { method, url = "" }: IncomingMessage): Promise<Answer> {
  if (method !== "GET" && method !== "HEAD") return json(405, { status: "method not allowed" });
  switch (rawPath(url)) {
    case "/livez":
      // Alive means that the event loop turns; a broken Redis is cured by no restart of ours.
      return json(200, { status: "ok" });
    case "/readyz":
      return readiness(parts);
    case "/metrics":
      return { status: 200, type: parts.metrics.contentType, body: await parts.metrics.scrape() };
    default:
      return json(404, { status: "not found" });
  }
}

async function readiness({
  application,
  checks,
  isDraining,
  checkTimeoutMs = 1_000,
}: ManagementParts): Promise<Answer> {
  if (isDraining())
    return json(503, { status: "failed", application, checks: {}, detail: "The gateway is shutting down." });
  const { status, checks: results } = await checkAll(checks, checkTimeoutMs);
  return json(status === "failed" ? 503 : 200, { status, application, checks: results });
}

export type Readiness = { status: CheckResult["status"]; checks: Record<string, CheckResult> };

/** The worst of all counts. */
export async function checkAll(checks: readonly ReadinessCheck[], timeoutMs: number): Promise<Readiness> {
  const results = await Promise.all(
    checks.map(async ({ name, check }) => [name, await withDeadline(check, timeoutMs)] as const),
  );
  const found = results.map(([, { status }]) => status);
  const status = found.includes("failed") ? "failed" : found.includes("degraded") ? "degraded" : "ok";
  return { status, checks: Object.fromEntries(results) };
}

async function withDeadline(check: () => Promise<CheckResult>, timeoutMs: number): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, { status: "failed", detail: `No answer within ${timeoutMs} ms.` });
  });
  try {
    return await Promise.race([check(), late]);
  } catch {
    // The error's text may hold a URL with a password; the check's own sentence is the place for details.
    return { status: "failed", detail: "The check itself failed; see the log." };
  } finally {
    clearTimeout(timer);
  }
}

function json(status: number, value: object): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}
