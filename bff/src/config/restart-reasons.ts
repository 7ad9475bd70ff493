// Which changes of a configuration cannot be applied while the process runs.
import { canonicalText } from "./fingerprint.ts";
import type { GatewayConfig, ServerConfig } from "./config-types.ts";

/** @returns one sentence per change that needs a restart; empty if the new configuration can be applied */
export function restartReasons(current: GatewayConfig, next: GatewayConfig): string[] {
  const names = Object.keys({ ...current.server, ...next.server }) as (keyof ServerConfig)[];
  const changed = names.filter(
    (name) => name !== "warnings" && canonicalText(current.server[name]) !== canonicalText(next.server[name]),
  );
  return [
    ...changed.map((name) => `${name} has changed. Restart the gateway to apply it`),
    ...changedIds(current, next),
  ];
}

/** The id is part of every key and of key derivation: the sessions of the application would silently end. */
function changedIds(current: GatewayConfig, next: GatewayConfig): string[] {
  const idByHost = new Map(
    current.applications.map(({ publicOrigin, application }) => [hostOf(publicOrigin), application]),
  );
  return next.applications.flatMap(({ publicOrigin, application }) => {
    const before = idByHost.get(hostOf(publicOrigin));
    if (before === undefined || before.id === application.id) return [];
    const cause = application.isDerived ? ", which is derived from issuer, client id and origin" : "";
    return [
      `The id of the application at ${publicOrigin}${cause}, changes from ${before.id} to ${application.id} and ends its sessions. Set its id to ${before.id}, or restart the gateway`,
    ];
  });
}

function hostOf(publicOrigin: string): string {
  return new URL(publicOrigin).hostname;
}
