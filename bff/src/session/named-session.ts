// The session that a page was rendered for. The page names it with each request, so that a tab that has not noticed
// another login cannot read or change data as the user who has logged in since (I3).
import type { IncomingMessage } from "node:http";
import { GatewayError } from "../errors.ts";

/** Holds the public handle of the session: `session.id` of `GET /bff/user`. */
const NAMED_SESSION_HEADER = "x-session-handle";

/**
 * @param handle of the session that the request has; undefined without a session
 * @throws GatewayError session_changed if the request names another session, session_missing if there is none
 */
export function requireNamedSession({ headers }: Pick<IncomingMessage, "headers">, handle: string | undefined): void {
  const named = headers[NAMED_SESSION_HEADER];
  if (named === undefined || named === handle) return;
  if (handle === undefined)
    throw new GatewayError("session_missing", { reason: "the session that the request names has ended" });
  throw new GatewayError("session_changed", { reason: "the request names another session of this browser" });
}
