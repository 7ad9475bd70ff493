// Warnings about valid settings with surprising effects, logged at the start.
import type { Config } from "./config.ts";

type CheckedSettings = Pick<Config, "sessionIdleMs"> & { provider: Pick<Config["provider"], "timeoutMs"> };

export function configWarnings({ sessionIdleMs, provider }: CheckedSettings): string[] {
  if (sessionIdleMs > provider.timeoutMs) return [];
  return [
    "SESSION_IDLE_SECONDS is not longer than OIDC_TIMEOUT_SECONDS: a session may end while its tokens are being renewed. Raise the one or lower the other",
  ];
}
