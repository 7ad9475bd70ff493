// The recorded history of a scenario: requests, session ends and token requests. checker.ts checks it afterwards.

export type RequestResult =
  | {
      kind: "response";
      status: number;
      /** `code` of a problem response (RFC 9457). */
      code: string | undefined;
      /** `sub` of the user in the response body; undefined when the body names no user. */
      subject: string | undefined;
      sessionCookie: "untouched" | "set" | "cleared";
    }
  /** Connection refused, reset or timed out. */
  | { kind: "connection-error"; reason: string };

export type Operation = {
  /** A readable name, never the session id. */
  session: string;
  /** `sub` of the session's user. */
  subject: string;
  what: "api" | "slow" | "user" | "logout" | "log out everywhere";
  /** Name of the instance, or "the balancer". */
  where: string;
  startedMs: number;
  endedMs: number;
  result: RequestResult;
};

/** The end of a session. Every request sent after `acknowledgedMs` must be rejected. */
export type SessionEnd = { session: string; beganMs: number; acknowledgedMs: number; by: EndedBy };

export type EndedBy =
  | "logout"
  | "back-channel logout"
  | "revocation"
  | "administrator"
  | "idle limit"
  | "absolute limit";

/** Token requests that the provider received during one step of a scenario, beside the expected number. */
export type TokenRequestCount = {
  during: string;
  tokenRequests: number;
  expectedRequests: number;
  /** Requests with a refresh token that was already used. */
  reuses: number;
  expectedReuses: number;
};

/** A further check of a scenario, for example of the content of Redis. */
export type Assertion = { invariant: string; text: string; holds: boolean };

export type History = {
  readonly operations: Operation[];
  readonly sessionEnds: SessionEnd[];
  readonly tokenRequestCounts: TokenRequestCount[];
  readonly assertions: Assertion[];
};

export function newHistory(): History {
  return { operations: [], sessionEnds: [], tokenRequestCounts: [], assertions: [] };
}
