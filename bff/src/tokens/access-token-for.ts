// An access token for a session, now: the one it has, or the one refresh that everybody in this process shares.
import type { AccessTokenResult, SpendingSession } from "./refresh.ts";

type Parts = {
  refresh: (session: SpendingSession) => Promise<AccessTokenResult>;
  now?: () => number;
};

/** After a refresh that led to nothing, the next one in the background waits for so long. */
const BACKGROUND_PAUSE_MS = 1_000;

/** @throws GatewayError store_unavailable (from a refresh that had to be waited for) */
export function createAccessTokenFor({ refresh, now = Date.now }: Parts) {
  const flights = new Map<string, Promise<AccessTokenResult>>();
  const pausedUntilMs = new Map<string, number>();

  const fly = (session: SpendingSession): Promise<AccessTokenResult> => {
    const { key } = session;
    const running = flights.get(key);
    if (running !== undefined) return running;
    const flight = refresh(session).finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  };

  const flyInBackground = (session: SpendingSession): void => {
    const { key } = session;
    if (flights.has(key) || (pausedUntilMs.get(key) ?? 0) > now()) return;
    const pause = () => {
      pausedUntilMs.set(key, now() + BACKGROUND_PAUSE_MS);
      setTimeout(() => pausedUntilMs.delete(key), BACKGROUND_PAUSE_MS).unref();
    };
    // Nobody waits for it: whoever needs the token after its expiry meets the fault and answers for it.
    fly(session).then((result) => (result.kind === "ready" ? undefined : pause()), pause);
  };

  return async function accessTokenFor(session: SpendingSession): Promise<AccessTokenResult> {
    const { tokens } = session;
    const nowMs = now();
    if (nowMs < tokens.usableUntilMs) {
      if (nowMs >= tokens.refreshAtMs && tokens.refreshToken !== undefined) flyInBackground(session);
      return { kind: "ready", accessToken: tokens.accessToken };
    }
    if (tokens.refreshToken === undefined) return { kind: "signed-out", reason: "no-tokens" };
    return fly(session);
  };
}
