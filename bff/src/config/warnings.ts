// Settings that work, but not as whoever set them will expect: said at the start, and no reason not to start.
import type { Config } from "./config.ts";

type Judged = Pick<Config, "sessionIdleMs"> & { provider: Pick<Config["provider"], "timeoutMs"> };

export function configWarnings({ sessionIdleMs, provider }: Judged): string[] {
  if (sessionIdleMs > provider.timeoutMs) return [];
  return [
    "SESSION_IDLE_SECONDS is not longer than OIDC_TIMEOUT_SECONDS: a session may end while its tokens are being renewed. Raise the one or lower the other",
  ];
}
