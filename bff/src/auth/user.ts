// Who is logged in, for the app to ask as often as it likes: asking never keeps a session alive.
import type { Context } from "koa";
import { foundSession } from "../session/koa-session.ts";
import { isoTime } from "../lib/iso-time.ts";

type Parts = {
  /** Where the user manages the account, if the provider has such a page. */
  accountUrl: string | undefined;
  /** The clock that all instances share: a limit must not seem to move because another one answers. */
  now: () => number;
};

export function user({ accountUrl, now }: Parts) {
  return async function describeUser(ctx: Context): Promise<void> {
    const found = foundSession(ctx);
    if (found === undefined) {
      ctx.body = { user: null, session: null };
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
