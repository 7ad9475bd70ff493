// The checker with hand-written histories: it must report every violation and accept every correct result.
import { describe, expect, it } from "vitest";
import { check, countFailures } from "../checker.ts";
import { newHistory, type RequestResult, type History, type Operation } from "../history.ts";

type Response = Extract<RequestResult, { kind: "response" }>;
const response = (changes: Partial<Response> = {}): RequestResult => ({
  ...{ kind: "response", status: 200, code: undefined, subject: "alice", sessionCookie: "untouched" },
  ...changes,
});
const operation = (changes: Partial<Operation> = {}): Operation => ({
  ...{ session: "a", subject: "alice", what: "api", where: "instance 1", startedMs: 10, endedMs: 20 },
  result: response(),
  ...changes,
});
const history = (operations: Operation[], changes: Partial<History> = {}): History => ({
  ...newHistory(),
  operations,
  ...changes,
});
const ended = { sessionEnds: [{ session: "a", beganMs: 12, acknowledgedMs: 15, by: "logout" as const }] };
const invariants = (...args: Parameters<typeof check>) => check(...args).map(({ invariant }) => invariant);

describe("the checker", () => {
  it("the checker reports no violation for successful requests", () => {
    expect(check(history([operation(), operation({ what: "user" })]))).toEqual([]);
  });

  it.each<[string, string, Operation, Partial<History>]>([
    ["I2", "a session that is accepted after its end", operation({ startedMs: 16 }), ended],
    ["I2", "a late session cookie", operation({ result: response({ sessionCookie: "set" }) }), {}],
    ["I3", "a response of another user", operation({ result: response({ subject: "bob" }) }), {}],
    ["I5", "a 401 without a logout", operation({ result: response({ status: 401, subject: undefined }) }), {}],
    [
      "I5",
      "an anonymous response of /bff/user",
      operation({ what: "user", result: response({ subject: undefined }) }),
      {},
    ],
    ["failed", "a 503 without a fault", operation({ result: response({ status: 503 }) }), {}],
    [
      "failed",
      "a connection error without a fault",
      operation({ result: { kind: "connection-error", reason: "reset" } }),
      {},
    ],
  ])("the checker reports %s: %s", (invariant, _what, one, changes) => {
    expect(invariants(history([one], changes))).toEqual([invariant]);
  });

  it("the checker reports I5: an outage clears the session cookie with an allowed 503", () => {
    const cleared = operation({ result: response({ status: 503, sessionCookie: "cleared" }) });
    expect(invariants(history([cleared]), { unavailable: true })).toEqual(["I5"]);
  });

  it("the checker reports I4: one token request too many, one too few, and a reused refresh token", () => {
    const spending = { during: "the test", tokenRequests: 1, expectedRequests: 1, reuses: 0, expectedReuses: 0 };
    const tokenRequestCounts = [spending, { ...spending, tokenRequests: 2 }, { ...spending, tokenRequests: 0 }];
    expect(
      invariants(history([], { tokenRequestCounts: [...tokenRequestCounts, { ...spending, reuses: 1 }] })),
    ).toEqual(["I4", "I4", "I4"]);
  });

  it("the checker reports an assertion that does not hold", () => {
    expect(invariants(history([], { assertions: [{ invariant: "I8", text: "it recovers", holds: false }] }))).toEqual([
      "I8",
    ]);
  });

  it("the checker reports I5: a session is rejected before its logout began", () => {
    const rejected = operation({ startedMs: 5, endedMs: 11, result: response({ status: 401, subject: undefined }) });
    expect(invariants(history([rejected], ended))).toEqual(["I5"]);
  });

  it("the checker reports I2: a session is accepted between two logouts", () => {
    const again = {
      sessionEnds: [...ended.sessionEnds, { ...ended.sessionEnds[0]!, beganMs: 40, acknowledgedMs: 50 }],
    };
    expect(invariants(history([operation({ startedMs: 20, endedMs: 30 })], again))).toEqual(["I2"]);
  });

  it("the checker allows rejections and aborted responses once the logout has begun", () => {
    const rejected = operation({ startedMs: 16, result: response({ status: 401, subject: undefined }) });
    const aborted = operation({ startedMs: 11, endedMs: 14, result: { kind: "connection-error", reason: "reset" } });
    expect(check(history([rejected, aborted], ended))).toEqual([]);
    expect(countFailures(history([rejected, aborted], ended))).toBe(0);
  });

  it("the checker allows a session to end only with the expected error code", () => {
    const rejected = (code: string) => operation({ result: response({ status: 401, subject: undefined, code }) });
    const allowed = { ended: new Map([["a", "session_expired"]]) };
    expect(invariants(history([rejected("session_expired")]), allowed)).toEqual([]);
    expect(invariants(history([rejected("session_missing")]), allowed)).toEqual(["I5"]);
  });
});
