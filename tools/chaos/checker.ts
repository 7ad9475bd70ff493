// Checks a recorded history against the invariants. It sees only the history, not how the scenario produced it.
import type { History, Operation, SessionEnd } from "./history.ts";

export type Violation = { invariant: string; what: string };

/** Deviations that the faults of a scenario explain. */
export type Allowed = {
  /** A dependency was down: a 503 is a correct response. */
  unavailable?: boolean;
  /** Processes were killed: a connection may be aborted. */
  connectionErrors?: boolean;
  /** Name of a session that the fault must end → the error code of its 401. */
  ended?: ReadonlyMap<string, string>;
};

export function check(history: History, allowed: Allowed = {}): Violation[] {
  const sessionEnds = firstEnds(history);
  return [
    ...history.operations.flatMap((operation) =>
      checkOperation(operation, sessionEnds.get(operation.session), allowed),
    ),
    ...history.tokenRequestCounts.flatMap(({ during, tokenRequests, expectedRequests, reuses, expectedReuses }) => [
      ...(tokenRequests === expectedRequests
        ? []
        : [{ invariant: "I4", what: `${during}: ${tokenRequests} token requests instead of ${expectedRequests}` }]),
      ...(reuses === expectedReuses
        ? []
        : [{ invariant: "I4", what: `${during}: ${reuses} used refresh tokens sent again, not ${expectedReuses}` }]),
    ]),
    ...history.assertions.filter(({ holds }) => !holds).map(({ invariant, text }) => ({ invariant, what: text })),
  ];
}

/** @returns the number of operations without a 200, except 401 responses for ended sessions */
export function countFailures(history: History): number {
  const sessionEnds = firstEnds(history);
  return history.operations.filter(({ session, result, endedMs }) => {
    const sessionEnd = sessionEnds.get(session);
    if (result.kind === "connection-error") return sessionEnd === undefined || endedMs < sessionEnd.beganMs;
    const isRejected = sessionEnd !== undefined && endedMs >= sessionEnd.acknowledgedMs && result.status === 401;
    return result.status !== 200 && !isRejected;
  }).length;
}

/** The first acknowledged end of each session: a second logout must not excuse requests accepted before it. */
function firstEnds({ sessionEnds }: History): ReadonlyMap<string, SessionEnd> {
  const lastFirst = sessionEnds.toSorted((a, b) => b.acknowledgedMs - a.acknowledgedMs);
  return new Map(lastFirst.map((each) => [each.session, each]));
}

function checkOperation(operation: Operation, sessionEnd: SessionEnd | undefined, allowed: Allowed): Violation[] {
  const { result, subject, startedMs } = operation;
  const violations: Violation[] = [];
  const violate = (invariant: string, what: string) =>
    violations.push({ invariant, what: `${describe(operation)}: ${what}` });

  if (result.kind === "connection-error") {
    // Every instance aborts the open responses of an ended session.
    const isAborted =
      sessionEnd !== undefined && operation.endedMs >= sessionEnd.beganMs && startedMs < sessionEnd.acknowledgedMs;
    if (allowed.connectionErrors !== true && !isAborted) violate("failed", result.reason);
    return violations;
  }
  if (result.subject !== undefined && result.subject !== subject) violate("I3", `response of user ${result.subject}`);
  if (result.sessionCookie === "set") violate("I2", "sets a session cookie");
  if (result.status === 503) {
    if (result.sessionCookie === "cleared") violate("I5", "an outage clears the session cookie");
    if (allowed.unavailable !== true) violate("failed", `503 ${result.code ?? ""}`);
    return violations;
  }
  const isLoggedOut = result.status === 401 || (operation.what === "user" && result.subject === undefined);
  if (sessionEnd === undefined) {
    const expectedCode = allowed.ended?.get(operation.session);
    if (isLoggedOut && result.code !== undefined && result.code === expectedCode) return violations;
    if (isLoggedOut) violate("I5", `logged out (${result.code ?? result.status}) without a logout`);
    else if (result.status !== 200) violate("failed", `${result.status} ${result.code ?? ""}`);
    return violations;
  }
  if (isLoggedOut && operation.endedMs < sessionEnd.beganMs)
    violate("I5", `logged out before the ${sessionEnd.by} began`);
  // Between the start of the logout and its acknowledgement both responses are correct.
  if (startedMs >= sessionEnd.acknowledgedMs && !isLoggedOut)
    violate("I2", `still accepted (${result.status}) after the ${sessionEnd.by} was acknowledged`);
  if (!isLoggedOut && result.status !== 200) violate("failed", `${result.status} ${result.code ?? ""}`);
  return violations;
}

function describe({ what, session, where }: Operation): string {
  return `${what} of ${session} at ${where}`;
}
