// What the chaos checker makes of histories that were written by hand: it must be neither lenient nor unjust.
import { describe, expect, it } from "vitest";
import { check, failuresIn } from "../checker.ts";
import { newHistory, type Answer, type History, type Operation } from "../history.ts";

type Answered = Extract<Answer, { kind: "answered" }>;
const answered = (changes: Partial<Answered> = {}): Answer => ({
  ...{ kind: "answered", status: 200, code: undefined, subject: "alice", sessionCookie: "untouched" },
  ...changes,
});
const operation = (changes: Partial<Operation> = {}): Operation => ({
  ...{ session: "a", subject: "alice", what: "api", where: "instance 1", startedMs: 10, endedMs: 20 },
  answer: answered(),
  ...changes,
});
const history = (operations: Operation[], changes: Partial<History> = {}): History => ({
  ...newHistory(),
  operations,
  ...changes,
});
const ended = { endings: [{ session: "a", beganMs: 12, acknowledgedMs: 15, by: "logout" as const }] };
const invariants = (...args: Parameters<typeof check>) => check(...args).map(({ invariant }) => invariant);

describe("the checker", () => {
  it("has nothing against what went well", () => {
    expect(check(history([operation(), operation({ what: "user" })]))).toEqual([]);
  });

  it.each<[string, string, Operation, Partial<History>]>([
    ["I2", "a session that answers after its end", operation({ startedMs: 16 }), ended],
    ["I2", "a late session cookie", operation({ answer: answered({ sessionCookie: "set" }) }), {}],
    ["I3", "another user's answer", operation({ answer: answered({ subject: "bob" }) }), {}],
    ["I5", "a 401 that nobody asked for", operation({ answer: answered({ status: 401, subject: undefined }) }), {}],
    ["I5", "nobody at /bff/user", operation({ what: "user", answer: answered({ subject: undefined }) }), {}],
    ["failed", "a 503 without a fault", operation({ answer: answered({ status: 503 }) }), {}],
    ["failed", "a broken connection without a fault", operation({ answer: { kind: "broken", reason: "reset" } }), {}],
  ])("notices %s: %s", (invariant, _what, one, changes) => {
    expect(invariants(history([one], changes))).toEqual([invariant]);
  });

  it("notices I5: an outage that clears the cookie, also where a 503 is right", () => {
    const cleared = operation({ answer: answered({ status: 503, sessionCookie: "cleared" }) });
    expect(invariants(history([cleared]), { unavailable: true })).toEqual(["I5"]);
  });

  it("notices I4: a request too many, one too few, and a spent token that came again", () => {
    const spending = { during: "it", tokenRequests: 1, expectedRequests: 1, reuses: 0, expectedReuses: 0 };
    const spendings = [spending, { ...spending, tokenRequests: 2 }, { ...spending, tokenRequests: 0 }];
    expect(invariants(history([], { spendings: [...spendings, { ...spending, reuses: 1 }] }))).toEqual([
      "I4",
      "I4",
      "I4",
    ]);
  });

  it("notices a claim that does not hold", () => {
    expect(invariants(history([], { claims: [{ invariant: "I8", claim: "it heals", holds: false }] }))).toEqual(["I8"]);
  });

  it("notices I5: a session that is refused before its end began", () => {
    const refused = operation({ startedMs: 5, endedMs: 11, answer: answered({ status: 401, subject: undefined }) });
    expect(invariants(history([refused], ended))).toEqual(["I5"]);
  });

  it("notices I2: a session that answers between two logouts of it", () => {
    const again = { endings: [...ended.endings, { ...ended.endings[0]!, beganMs: 40, acknowledgedMs: 50 }] };
    expect(invariants(history([operation({ startedMs: 20, endedMs: 30 })], again))).toEqual(["I2"]);
  });

  it("lets a session be refused once its end has begun, and its open answers be cut", () => {
    const refused = operation({ startedMs: 16, answer: answered({ status: 401, subject: undefined }) });
    const cut = operation({ startedMs: 11, endedMs: 14, answer: { kind: "broken", reason: "reset" } });
    expect(check(history([refused, cut], ended))).toEqual([]);
    expect(failuresIn(history([refused, cut], ended))).toBe(0);
  });

  it("lets only the sessions end that must, and only for the reason that was defined", () => {
    const refused = (code: string) => operation({ answer: answered({ status: 401, subject: undefined, code }) });
    const allowed = { ended: new Map([["a", "session_expired"]]) };
    expect(invariants(history([refused("session_expired")]), allowed)).toEqual([]);
    expect(invariants(history([refused("session_missing")]), allowed)).toEqual(["I5"]);
  });
});
