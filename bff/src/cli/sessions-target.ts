// What the sessions command works on: the session store, or the admin API of a running gateway.
import type { OnEnded } from "../session/end-session.ts";
import type { UserName } from "../session/indexes.ts";
import type { SessionDescription } from "../session/session-list.ts";

export type SessionsTarget = {
  application: string;
  /** Whether the application id was derived from the settings. */
  isDerived: boolean;
  /** Default of --issuer; undefined: it is required. */
  issuer: string | undefined;
  count(): Promise<number>;
  /** Newest first. */
  list(user: UserName): Promise<SessionDescription[]>;
  endUser(user: UserName, onEnded: OnEnded): Promise<void>;
  endProviderSession(session: { issuer: string; providerSid: string }, onEnded: OnEnded): Promise<void>;
  endAll(onEnded: OnEnded): Promise<void>;
  /** Ends the user's sessions at Keycloak; undefined: not configured. @returns a sentence if it failed */
  endAtProvider: ((user: UserName) => Promise<string | undefined>) | undefined;
  /** Writes the audit line, unless the target does. */
  audit(fields: { reason: string; subject?: string; count: number }): void;
  deleteOldFormat(): Promise<number>;
  /** Explains why a command found no session. */
  explain(): Promise<{ code: 0 | 1; text: string | undefined }>;
};

/** The target failed; the message is one sentence with the cure. */
export class TargetError extends Error {
  override readonly name = "TargetError";
  /** Whether the work had begun. */
  readonly isConnected: boolean;
  constructor(message: string, isConnected: boolean) {
    super(message);
    this.isConnected = isConnected;
  }
}

export type Work = (target: SessionsTarget) => Promise<number>;
