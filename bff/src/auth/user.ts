// GET /bff/user: the logged-in user and the limits of the session. Does not slide the session.
import type { Context } from "koa";
import { foundSession } from "../session/koa-session.ts";
import type { SilentLogin } from "./silent-login.ts";
import { isoTime } from "../lib/iso-time.ts";

type Dependencies = {
  /** Account page of the provider. */
  accountUrl: string | undefined;
  silentLogin: Pick<SilentLogin, "offer">;
  /** The clock that all instances share, so that all of them report the same limits. */
  now: () => number;
};

export function user({ accountUrl, silentLogin, now }: Dependencies) {
  return async function user(ctx: Context): Promise<void> {
    const found = foundSession(ctx);
    if (found === undefined) {
      const offer = await silentLogin.offer(ctx);
      ctx.body = { user: null, session: null, ...(offer === undefined ? {} : { silentLogin: offer }) };
      return;
    }
    const { session, idleExpiresInMs, expiresInMs } = found;
    const nowMs = now();
    ctx.body = {
      user: session.user,
      session: {
        id: session.handle,
        createdAt: isoTime(session.createdAtMs),
        idleExpiresAt: isoTime(nowMs + Math.min(idleExpiresInMs, expiresInMs)),
        expiresAt: isoTime(nowMs + expiresInMs),
        acr: session.acr ?? null,
        authTime: session.authTimeSeconds === undefined ? null : isoTime(session.authTimeSeconds * 1000),
        ...(accountUrl === undefined ? {} : { accountUrl }),
      },
    };
  };
}
