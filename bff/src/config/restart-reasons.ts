// Which changes of a configuration cannot be applied while the process runs.
import { canonicalText } from "./fingerprint.ts";
import type { GatewayConfig, ServerConfig } from "./config-types.ts";

/** Places in cloakroom.yaml. */
const PLACES: Readonly<Record<keyof ServerConfig, string>> = {
  production: "NODE_ENV",
  listen: "listen",
  management: "management",
  adminTokens: "management.adminToken",
  forwardAuth: "forwardAuth",
  redisUrl: "redis.url",
  redisTimeoutMs: "redis.timeoutMs",
  redisConfirmReplicas: "redis.confirmReplicas",
  redisAccess: "redis: files or credentials",
  secretKeys: "secretKeys",
  maxEventStreams: "limits.eventStreams",
  trustedProxies: "trustedProxies",
  waitingLimits: "limits.waitingRequests, waitingPerSession or waitingPerAddress",
  maxConnections: "limits.connections",
  workers: "workers",
  drainMs: "drainSeconds",
  logLevel: "log.level",
  warnings: "",
};

/** @returns one sentence per change that needs a restart; empty if the new configuration can be applied */
export function restartReasons(current: GatewayConfig, next: GatewayConfig): string[] {
  const [before, after] = [comparable(current.server), comparable(next.server)];
  const names = Object.keys(PLACES) as (keyof ServerConfig)[];
  const changed = names.filter((name) => canonicalText(before[name]) !== canonicalText(after[name]));
  return [
    ...changed.map((name) => `${PLACES[name]} has changed. Restart the gateway to apply it`),
    ...changedIds(current, next),
  ];
}

/** Without what has no effect, and without the content of a file that is read again for each use. */
function comparable(server: ServerConfig): Readonly<Partial<Record<keyof ServerConfig, unknown>>> {
  return { ...server, warnings: undefined, adminTokens: server.adminTokens?.file ?? server.adminTokens };
}

/** The id is part of every key and of key derivation: the sessions of the application would silently end. */
function changedIds(current: GatewayConfig, next: GatewayConfig): string[] {
  const known = new Map(
    current.applications.map(({ publicOrigin, application }) => [hostOf(publicOrigin), application]),
  );
  return next.applications.flatMap(({ publicOrigin, application }) => {
    const before = known.get(hostOf(publicOrigin));
    if (before === undefined || before.id === application.id) return [];
    const cause = application.isDerived ? ", which is derived from issuer, client id and origin," : "";
    return [
      `The id of the application at ${publicOrigin}${cause} changes from ${before.id} to ${application.id}, which ends its sessions. Set its id to ${before.id}, or restart the gateway`,
    ];
  });
}

function hostOf(publicOrigin: string): string {
  return new URL(publicOrigin).hostname;
}
