// Errors that loaders of this package throw, as an ErrorBoundary receives them.
import type { EndReason } from "@cloakroom/client";
import { data, isRouteErrorResponse } from "react-router";

export type SessionRouteError =
  | {
      readonly code: "login_required";
      readonly loginUrl: string;
      /** Null where there was no session before. */
      readonly endReason: EndReason | null;
    }
  | { readonly code: "step_up_required"; readonly loginUrl: string }
  /** The check of the session has failed, which logs no user out. `revalidateOnSessionChange` loads the page again. */
  | { readonly code: "session_unavailable" };

const statuses: Readonly<Record<SessionRouteError["code"], number>> = {
  login_required: 401,
  step_up_required: 401,
  session_unavailable: 503,
};

/** @returns what a loader throws: not an Error, because React Router passes only `data()` on with its status */
export function sessionRouteError(error: SessionRouteError): unknown {
  return data(error, { status: statuses[error.code] });
}

/** @param error what `useRouteError` returns. @returns null for every other error */
export function sessionErrorOf(error: unknown): SessionRouteError | null {
  if (!isRouteErrorResponse(error)) return null;
  const content: unknown = error.data;
  const code = typeof content === "object" && content !== null && "code" in content ? content.code : null;
  return typeof code === "string" && Object.hasOwn(statuses, code) ? (content as SessionRouteError) : null;
}
