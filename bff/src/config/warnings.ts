// Warnings about valid settings with surprising effects, logged at startup.
import type { Config } from "./config.ts";

type CheckedSettings = Pick<Config, "sessionIdleMs" | "spaRoot" | "spaUrl"> & {
  provider: Pick<Config["provider"], "timeoutMs">;
  upstreams: readonly Pick<Config["upstreams"][number], "prefix">[];
};

export function configWarnings({ sessionIdleMs, provider, spaRoot, spaUrl, upstreams }: CheckedSettings): string[] {
  const warnings: string[] = [];
  if (sessionIdleMs <= provider.timeoutMs)
    warnings.push(
      "SESSION_IDLE_SECONDS is not longer than OIDC_TIMEOUT_SECONDS: a session may end while its tokens are being renewed. Raise the one or lower the other",
    );
  if ((spaRoot ?? spaUrl) !== undefined && upstreams.some(({ prefix }) => prefix === "/"))
    warnings.push(
      `${spaRoot === undefined ? "SPA_URL" : "SPA_ROOT"} has no effect: the upstream row for / receives all other paths. Remove one of them`,
    );
  return warnings;
}
