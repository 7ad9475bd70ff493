// Actions that send a request through the gateway. What the session needs becomes action data, so that the form stays
// with its input: a login after the session has ended, a stronger login (RFC 9470), another session in this browser.
import type { Client, EndReason, Failure, Outcome, Problem } from "@cloakroom/client";
import type { ActionFunctionArgs } from "react-router";

export type SessionActionData<T> =
  | { readonly kind: "ok"; readonly value: T }
  /** 401: the session has ended. `client.login({ draft })` keeps the input. */
  | { readonly kind: "login_required"; readonly endReason: EndReason | null; readonly problem: Problem }
  /** 401: `client.stepUp(problem, { draft })` keeps the input. */
  | { readonly kind: "step_up_required"; readonly problem: Problem }
  /** 409: another login has replaced the session. The client checks; the same user may submit again. */
  | { readonly kind: "session_changed"; readonly problem: Problem }
  | Failure;

export interface SessionActionOptions {
  /**
   * With it, a login that the request needs starts at once, and its result is available by `client.takeDraft()`
   * afterwards. Leave out what must not be stored, such as passwords and files.
   */
  readonly draft?: (form: FormData) => unknown;
}

/** @param send sends the request with `client.request`, with `args.request.signal` as its signal */
export function sessionAction<T>(
  client: Client<unknown>,
  send: (args: ActionFunctionArgs) => Promise<Outcome<T>>,
  options: SessionActionOptions = {},
): (args: ActionFunctionArgs) => Promise<SessionActionData<T>> {
  return async (args) => {
    // Read before `send` consumes the body.
    const draftOf = options.draft;
    const form = draftOf === undefined ? null : await args.request.clone().formData();
    const outcome = await send(args);
    if (outcome.kind === "cancelled") throw args.request.signal.reason;
    const result: SessionActionData<T> = outcome.kind === "problem" ? resultOf(client, outcome.problem) : outcome;
    if (draftOf !== undefined && form !== null) startLogin(client, result, () => draftOf(form));
    return result;
  };
}

const endCodes: readonly (string | null)[] = ["session_missing", "session_expired", "session_revoked"];

function resultOf(client: Client<unknown>, problem: Problem): SessionActionData<never> {
  if (problem.status === 409 && problem.code === "session_changed") return { kind: "session_changed", problem };
  if (client.stepUpUrl(problem) !== null) return { kind: "step_up_required", problem };
  if (problem.status === 401 && endCodes.includes(problem.code)) {
    return { kind: "login_required", endReason: client.getState().endReason, problem };
  }
  return { kind: "problem", problem };
}

/** The user has just submitted the form, so the login is not one of an unattended tab. */
function startLogin(client: Client<unknown>, result: SessionActionData<unknown>, draft: () => unknown): void {
  if (result.kind === "login_required") client.login({ draft: draft() });
  if (result.kind === "step_up_required") client.stepUp(result.problem, { draft: draft() });
}
