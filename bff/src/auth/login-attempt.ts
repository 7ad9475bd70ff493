// Login attempts: state kept during the redirect to the provider. Each attempt has its own cookie with a random value and
// is sealed in `state`, so that abandoned attempts use no storage, several tabs can log in at once, and a state is valid
// only in the browser that started it (login CSRF, RFC 9700 §4.7).
import { randomBytes } from "node:crypto";
import type { SealerFactory } from "../lib/encryption.ts";
import type { SessionKey } from "../store/store.ts";

/** A login must be completed within this time. */
export const LOGIN_ATTEMPT_SECONDS = 900;
/**
 * At most this many pending attempts per browser; the oldest are dropped. One response clears at most this many login
 * cookies (about 115 bytes each): nginx accepts a response head of 4 kB by default, and a sibling host can plant any number
 * of cookies in a browser that does not enforce cookie prefixes.
 */
export const MAX_LOGIN_ATTEMPTS = 16;
/** Name, attributes and expiry of a cleared login cookie. */
export const CLEARED_COOKIE_BYTES = 160;

export type LoginAttempt = {
  startedAtMs: number;
  returnPath: string;
  /** The browser's session when the login started. It ends when the new session begins. */
  previousSession?: SessionKey;
  maxAgeSeconds?: number;
  acrValues?: string;
  prompt?: string;
  /** Further parameters of the authorization request, for a restart. */
  hints?: Readonly<Record<string, string>>;
  /** How often this login was restarted. */
  restarts?: number;
};

/** Derived from cookie and master key, again at the callback. */
export type AttemptSecrets = {
  nonce: string;
  codeVerifier: string;
  /** The DPoP key of the session is derived from it. */
  proofSecret: string;
};

export type LoginAttempts = {
  start(attempt: LoginAttempt): { id: string; cookieValue: string; state: string } & AttemptSecrets;
  /** @returns undefined for a state that is unknown, altered, expired or of another browser */
  resume(
    state: string,
    cookieOf: (id: string) => string | undefined,
  ): ({ id: string; attempt: LoginAttempt } & AttemptSecrets) | undefined;
  /** Why `resume` returned undefined, as far as the state's id and the browser's cookies show it. */
  explain(state: string, cookieOf: (id: string) => string | undefined): "expired" | "no-cookie" | "unknown";
};

const STATE = /^([a-z0-9]{7}[a-f0-9]{8})\.([A-Za-z0-9_-]{6})\.[A-Za-z0-9_-]{40,3200}$/;
/** JSON of an attempt whose state has at most 3,200 characters behind the key id: sealing adds 28 bytes. */
const MAX_STATE_BYTES = 2_372;
const BINDING = /^[A-Za-z0-9_-]{43}$/;

export function createLoginAttempts(sealerFor: SealerFactory, now: () => number): LoginAttempts {
  const sealer = sealerFor("login attempt");
  const secretsOf = (context: string, keyId: string): AttemptSecrets | undefined => {
    const nonce = sealer.derive("nonce", context, keyId);
    const codeVerifier = sealer.derive("code verifier", context, keyId);
    const proofSecret = sealer.derive("proof key", context, keyId);
    if (nonce === undefined || codeVerifier === undefined || proofSecret === undefined) return undefined;
    return { nonce, codeVerifier, proofSecret };
  };
  return {
    start(attempt) {
      const id = newAttemptId(attempt.startedAtMs);
      const cookieValue = randomBytes(32).toString("base64url");
      const context = `${id} ${cookieValue}`;
      const secrets = secretsOf(context, sealer.keyId);
      if (secrets === undefined) throw new Error("the newest master key is missing");
      return { id, cookieValue, state: `${id}.${sealer.seal(JSON.stringify(attempt), context)}`, ...secrets };
    },
    resume(state, cookieOf) {
      const [, id, keyId] = STATE.exec(state) ?? [];
      if (id === undefined || keyId === undefined) return undefined;
      const cookieValue = cookieOf(id);
      if (cookieValue === undefined || !BINDING.test(cookieValue)) return undefined;
      const context = `${id} ${cookieValue}`;
      const opened = sealer.open(state.slice(id.length + 1), context);
      const secrets = secretsOf(context, keyId);
      if (opened === undefined || secrets === undefined) return undefined;
      const attempt = JSON.parse(opened) as LoginAttempt;
      if (now() - attempt.startedAtMs > LOGIN_ATTEMPT_SECONDS * 1000) return undefined;
      return { id, attempt, ...secrets };
    },
    explain(state, cookieOf) {
      const [, id] = STATE.exec(state) ?? [];
      if (id === undefined) return "unknown";
      const ageMs = now() - Number.parseInt(id.slice(0, TIME_CHARS), 36) * 1000;
      if (ageMs > LOGIN_ATTEMPT_SECONDS * 1000) return "expired";
      return cookieOf(id) === undefined ? "no-cookie" : "unknown";
    },
  };
}

export function fitsIntoState(attempt: LoginAttempt): boolean {
  return Buffer.byteLength(JSON.stringify(attempt)) <= MAX_STATE_BYTES;
}

/** The state with the sealed attempt is part of a URL. */
const MAX_ATTEMPT_BYTES = 1_000;

/** Adds the parameters that a restart repeats, unless the state would become too long. */
export function withHints(attempt: LoginAttempt, extra: Readonly<Record<string, string>>): LoginAttempt {
  const { prompt: _prompt, acr_values: _acrValues, max_age: _maxAge, ...hints } = extra;
  const full: LoginAttempt = { ...attempt, hints };
  const fits = Object.keys(hints).length > 0 && Buffer.byteLength(JSON.stringify(full)) <= MAX_ATTEMPT_BYTES;
  return fits ? full : attempt;
}

/** The parameters of /bff/login that a restart sends again. */
export function parametersOf({ hints, prompt, acrValues, maxAgeSeconds }: LoginAttempt): Record<string, string> {
  return {
    ...hints,
    ...(prompt === undefined ? {} : { prompt }),
    ...(acrValues === undefined ? {} : { acr_values: acrValues }),
    ...(maxAgeSeconds === undefined ? {} : { max_age: String(maxAgeSeconds) }),
  };
}

const TIME_CHARS = 7;

/** Begins with the time, so that cookie names sort by age. */
function newAttemptId(startedAtMs: number): string {
  return (
    Math.floor(startedAtMs / 1000)
      .toString(36)
      .padStart(TIME_CHARS, "0") + randomBytes(4).toString("hex")
  );
}
