// Parses a request of the admin API: its route, path parameters and query.
import type { IncomingMessage } from "node:http";
import { rawPath } from "../../http/request-state.ts";
import { AdminError } from "./admin-errors.ts";
import { ADMIN_ROUTES, type AdminRoute } from "./admin-routes.ts";

/** @throws AdminError not_found | method_not_allowed | request_malformed */
export function findRoute(request: IncomingMessage): { route: AdminRoute; params: Record<string, string> } {
  const segments = rawPath(request.url ?? "").split("/");
  const found = ADMIN_ROUTES.map((route) => ({ route, params: paramsOf(route, segments) })).filter(
    (each): each is { route: AdminRoute; params: Record<string, string> } => each.params !== undefined,
  );
  if (found.length === 0) throw new AdminError("not_found");
  const method = request.method === "HEAD" ? "GET" : request.method;
  const match = found.find(({ route }) => route.method === method);
  if (match !== undefined) return match;
  const allow = found.flatMap(({ route }) => (route.method === "GET" ? ["GET", "HEAD"] : [route.method]));
  throw new AdminError("method_not_allowed", { allow });
}

function paramsOf({ path }: AdminRoute, segments: readonly string[]): Record<string, string> | undefined {
  const pattern = path.split("/");
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, name] of pattern.entries()) {
    const segment = segments[at] ?? "";
    if (!name.startsWith("{")) {
      if (segment !== name) return undefined;
    } else if (segment === "") return undefined;
    else params[name.slice(1, -1)] = decode(segment);
  }
  return params;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new AdminError("request_malformed", { detail: "The path is not percent-encoded UTF-8." });
  }
}

/** Unknown and repeated parameters are errors: a misspelled filter would select all sessions. */
export function parseQuery({ query }: AdminRoute, url: string): unknown {
  const parameters = [...new URLSearchParams(url.split("?").slice(1).join("?"))];
  const values = Object.fromEntries(parameters);
  if (Object.keys(values).length !== parameters.length)
    throw new AdminError("request_malformed", { detail: "A query parameter is given twice." });
  const parsed = query.safeParse(values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const name = issue?.code === "unrecognized_keys" ? issue.keys.join(", ") : (issue?.path.join(".") ?? "");
  const what = issue?.code === "unrecognized_keys" ? "is not known" : "is not valid";
  throw new AdminError("request_malformed", {
    detail: name === "" ? (issue?.message ?? "The query is not valid.") : `The query parameter ${name} ${what}.`,
  });
}

const NDJSON = "application/x-ndjson";

/** Whether the caller asks for a line for each step of a long request. */
export function acceptsProgress({ headers }: IncomingMessage): boolean {
  return (headers.accept ?? "").split(",").some((range) => range.split(";", 1)[0]?.trim().toLowerCase() === NDJSON);
}

/** The path without the query, for the log. */
export function pathOf({ url = "" }: IncomingMessage): string {
  return rawPath(url).slice(0, 512);
}
