import { describe, expect, it } from "vitest";
import { createLoginAttempts, LOGIN_ATTEMPT_SECONDS } from "../../src/auth/login-attempt.ts";
import { sealersOf, testKeys } from "@cloakroom/testkit/stored-session.ts";

const attempt = { startedAtMs: Date.now(), returnPath: "/profile" };

describe("login attempt", () => {
  it("a login attempt resumes in the browser that started it, with the same secrets", () => {
    const attempts = createLoginAttempts(sealersOf(testKeys), Date.now);
    const started = attempts.start(attempt);
    const resumed = attempts.resume(started.state, (id) => (id === started.id ? started.cookieValue : undefined));
    expect(resumed).toEqual({
      id: started.id,
      attempt,
      nonce: started.nonce,
      codeVerifier: started.codeVerifier,
      proofSecret: started.proofSecret,
    });
  });

  it("a login attempt does not resume in another browser (login CSRF)", () => {
    const attempts = createLoginAttempts(sealersOf(testKeys), Date.now);
    const [mine, theirs] = [attempts.start(attempt), attempts.start(attempt)];
    expect(attempts.resume(theirs.state, () => mine.cookieValue)).toBeUndefined();
    expect(attempts.resume(theirs.state, () => undefined)).toBeUndefined();
  });

  it("a login attempt does not resume with any character of its state changed", () => {
    const attempts = createLoginAttempts(sealersOf(testKeys), Date.now);
    const { state, cookieValue } = attempts.start(attempt);
    for (let at = 0; at < state.length - 1; at++) {
      const changed = state.slice(0, at) + (state[at] === "A" ? "B" : "A") + state.slice(at + 1);
      expect(
        attempts.resume(changed, () => cookieValue),
        `at ${at}`,
      ).toBeUndefined();
    }
  });

  it("a login attempt does not resume after it has expired", () => {
    let nowMs = Date.now();
    const attempts = createLoginAttempts(sealersOf(testKeys), () => nowMs);
    const { state, cookieValue } = attempts.start({ ...attempt, startedAtMs: nowMs });
    nowMs += LOGIN_ATTEMPT_SECONDS * 1000;
    expect(attempts.resume(state, () => cookieValue)).toBeDefined();
    nowMs += 1;
    expect(attempts.resume(state, () => cookieValue)).toBeUndefined();
  });

  it("a login attempt resumes after a rotation of the master keys", () => {
    const before = createLoginAttempts(sealersOf([testKeys[1]!]), Date.now);
    const { state, cookieValue, nonce } = before.start(attempt);
    const after = createLoginAttempts(sealersOf([testKeys[0]!, testKeys[1]!]), Date.now);
    expect(after.resume(state, () => cookieValue)?.nonce).toBe(nonce);
    expect(createLoginAttempts(sealersOf([testKeys[0]!]), Date.now).resume(state, () => cookieValue)).toBeUndefined();
  });

  it("the state of a login attempt contains none of its contents in clear text", () => {
    const { state, nonce, codeVerifier } = createLoginAttempts(sealersOf(testKeys), Date.now).start({
      ...attempt,
      returnPath: "/secret-page",
    });
    const decoded = Buffer.from(state.split(".")[2]!, "base64url").toString("latin1");
    for (const secret of ["/secret-page", nonce, codeVerifier]) {
      expect(state).not.toContain(secret);
      expect(decoded).not.toContain(secret);
    }
    expect(nonce).toMatch(/^[\w-]{43}$/);
    expect(codeVerifier).toMatch(/^[\w-]{43}$/);
    expect(nonce).not.toBe(codeVerifier);
  });
});
