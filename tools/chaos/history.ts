// What was done and what came of it, written down while it happens and judged afterwards (checker.ts).

export type Answer =
  | {
      kind: "answered";
      status: number;
      /** The stable code of a problem. */
      code: string | undefined;
      /** Whose answer it is; undefined where the answer does not say. */
      subject: string | undefined;
      sessionCookie: "untouched" | "set" | "cleared";
    }
  /** The connection was refused, broke, or stayed silent. */
  | { kind: "broken"; reason: string };

export type Operation = {
  /** A name for people; never the session id. */
  session: string;
  /** Who the session belongs to. */
  subject: string;
  what: "api" | "slow" | "user" | "logout" | "log out everywhere";
  /** An instance, or the balancer. */
  where: string;
  startedMs: number;
  endedMs: number;
  answer: Answer;
};

/** An end that somebody was told about: from then on the session is over for everybody. */
export type Ending = { session: string; beganMs: number; acknowledgedMs: number; by: EndedBy };

export type EndedBy =
  | "logout"
  | "back-channel logout"
  | "revocation"
  | "administrator"
  | "idle limit"
  | "absolute limit";

/** What the provider saw of refresh tokens in one stretch of a scenario. */
export type Spending = {
  during: string;
  tokenRequests: number;
  expectedRequests: number;
  /** Spent tokens that were presented again. */
  reuses: number;
  expectedReuses: number;
};

/** Something that must be so besides, e.g. what Redis holds at the end. */
export type Claim = { invariant: string; claim: string; holds: boolean };

export type History = {
  readonly operations: Operation[];
  readonly endings: Ending[];
  readonly spendings: Spending[];
  readonly claims: Claim[];
};

export function newHistory(): History {
  return { operations: [], endings: [], spendings: [], claims: [] };
}
