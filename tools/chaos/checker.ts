// Judges a history against the invariants. Knows nothing of how the history came about, so that it cannot be lenient.
import type { Ending, History, Operation } from "./history.ts";

export type Violation = { invariant: string; what: string };

/** What a scenario does on purpose, and so may not be held against the gateway. */
export type Allowed = {
  /** A fault was on: 503 is a right answer then, though no success. */
  unavailable?: boolean;
  /** Processes were killed: a connection may break. */
  broken?: boolean;
  /** Sessions whose end is the defined outcome, and the code that says so. */
  ended?: ReadonlyMap<string, string>;
};

export function check(history: History, allowed: Allowed = {}): Violation[] {
  const endings = firstEndings(history);
  return [
    ...history.operations.flatMap((operation) => judge(operation, endings.get(operation.session), allowed)),
    ...history.spendings.flatMap(({ during, tokenRequests, expectedRequests, reuses, expectedReuses }) => [
      ...(tokenRequests === expectedRequests
        ? []
        : [{ invariant: "I4", what: `${during}: ${tokenRequests} token requests instead of ${expectedRequests}` }]),
      ...(reuses === expectedReuses
        ? []
        : [{ invariant: "I4", what: `${during}: ${reuses} spent tokens came again, not ${expectedReuses}` }]),
    ]),
    ...history.claims.filter(({ holds }) => !holds).map(({ invariant, claim }) => ({ invariant, what: claim })),
  ];
}

/** Operations that did not succeed, whether allowed or not; refusals of an ended session are successes. */
export function failuresIn(history: History): number {
  const endings = firstEndings(history);
  return history.operations.filter(({ session, answer, endedMs }) => {
    const ending = endings.get(session);
    if (answer.kind === "broken") return ending === undefined || endedMs < ending.beganMs;
    const isRefusal = ending !== undefined && endedMs >= ending.acknowledgedMs && answer.status === 401;
    return answer.status !== 200 && !isRefusal;
  }).length;
}

/** What was acknowledged first counts: a second logout of the same session excuses nothing that came before it. */
function firstEndings({ endings }: History): ReadonlyMap<string, Ending> {
  const lastFirst = endings.toSorted((a, b) => b.acknowledgedMs - a.acknowledgedMs);
  return new Map(lastFirst.map((each) => [each.session, each]));
}

function judge(operation: Operation, ending: Ending | undefined, allowed: Allowed): Violation[] {
  const { answer, subject, startedMs } = operation;
  const violations: Violation[] = [];
  const violate = (invariant: string, what: string) =>
    violations.push({ invariant, what: `${describe(operation)}: ${what}` });

  if (answer.kind === "broken") {
    // An answer of an ended session that was still open is cut, on every instance.
    const isCut = ending !== undefined && operation.endedMs >= ending.beganMs && startedMs < ending.acknowledgedMs;
    if (allowed.broken !== true && !isCut) violate("failed", answer.reason);
    return violations;
  }
  if (answer.subject !== undefined && answer.subject !== subject) violate("I3", `answered as ${answer.subject}`);
  if (answer.sessionCookie === "set") violate("I2", "sets a session cookie");
  if (answer.status === 503) {
    if (answer.sessionCookie === "cleared") violate("I5", "an outage clears the session cookie");
    if (allowed.unavailable !== true) violate("failed", `503 ${answer.code ?? ""}`);
    return violations;
  }
  const isLoggedOut = answer.status === 401 || (operation.what === "user" && answer.subject === undefined);
  if (ending === undefined) {
    const expectedCode = allowed.ended?.get(operation.session);
    if (isLoggedOut && answer.code !== undefined && answer.code === expectedCode) return violations;
    if (isLoggedOut) violate("I5", `logged out (${answer.code ?? answer.status}) though nobody asked for it`);
    else if (answer.status !== 200) violate("failed", `${answer.status} ${answer.code ?? ""}`);
    return violations;
  }
  if (isLoggedOut && operation.endedMs < ending.beganMs) violate("I5", `logged out before the ${ending.by} began`);
  // In between, either answer is right: the logout was under way.
  if (startedMs >= ending.acknowledgedMs && !isLoggedOut)
    violate("I2", `still accepted (${answer.status}) after the ${ending.by} was acknowledged`);
  if (!isLoggedOut && answer.status !== 200) violate("failed", `${answer.status} ${answer.code ?? ""}`);
  return violations;
}

function describe({ what, session, where }: Operation): string {
  return `${what} of ${session} at ${where}`;
}
