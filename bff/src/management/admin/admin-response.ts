// Writes the responses of the admin API: JSON, problems (RFC 9457), and lines of progress (NDJSON). Without CORS headers.
import type { ServerResponse } from "node:http";
import type { SettingWords } from "../../config/setting-words.ts";
import { problemOf, type AdminError } from "./admin-errors.ts";

const COMMON_HEADERS = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;

export function sendJson(response: ServerResponse, body: object, requestId: string): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(200, {
    ...COMMON_HEADERS,
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
    "X-Request-Id": requestId,
  });
  response.end(response.req.method === "HEAD" ? undefined : text);
}

/** The first line commits the status 200: a later error is the last line. @returns a function that writes one line */
export function createProgress(response: ServerResponse, requestId: string): (line: object) => void {
  return function writeLine(line) {
    if (!response.headersSent)
      response.writeHead(200, {
        ...COMMON_HEADERS,
        "Content-Type": "application/x-ndjson; charset=utf-8",
        "X-Request-Id": requestId,
      });
    response.write(`${JSON.stringify(line)}\n`);
  };
}

type ProblemContext = { requestId: string; ended?: number | undefined; words: Pick<SettingWords, "sentence"> };

export function sendProblem(response: ServerResponse, error: AdminError, context: ProblemContext): void {
  const { requestId, ended, words } = context;
  const found = problemOf(error, ended, requestId);
  const problem = { ...found, detail: words.sentence(found.detail) };
  const text = `${JSON.stringify(problem)}\n`;
  if (response.headersSent) {
    response.end(text);
    return;
  }
  const { status } = problem;
  response.writeHead(status, {
    ...COMMON_HEADERS,
    "Content-Type": "application/problem+json; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
    "X-Request-Id": requestId,
    ...(status === 401 ? { "WWW-Authenticate": 'Bearer realm="admin"' } : {}),
    ...(status === 503 ? { "Retry-After": "1" } : {}),
    ...(status === 429 ? { "Retry-After": "60" } : {}),
    ...(error.allow === undefined ? {} : { Allow: error.allow.join(", ") }),
  });
  response.end(response.req.method === "HEAD" ? undefined : text);
}
