// The running instances of the applications of one process: built from one configuration each, replaced by `replace`, and
// closed once their requests have finished.
import { setTimeout as sleep } from "node:timers/promises";
import { createApp } from "../app.ts";
import { canonicalText } from "../config/fingerprint.ts";
import type { Config, GatewayConfig, ServerConfig } from "../config/config.ts";
import type { Handle } from "../http/pipelining-guard.ts";
import { createServices, type Environment, type Services } from "../services.ts";

export type Instance = { config: Config; services: Services; handle: Handle };

type Dependencies = {
  /** Everything that an application needs besides its configuration. */
  environmentOf: (config: Config) => Environment;
  /** The last instance of this application is closed, and none has replaced it. */
  onRemoved: (config: Config) => Promise<void>;
};

export type Instances = {
  current(): readonly Instance[];
  /** Those that still finish their requests, too. */
  all(): readonly Instance[];
  /**
   * @param options.rebuildsAll also applications with an equal configuration: what they share has changed
   * @returns which applications were added, replaced and removed
   * @throws if an instance cannot be built; nothing changes then
   */
  replace(next: GatewayConfig, options: { rebuildsAll: boolean }): InstanceChanges;
};

export type InstanceChanges = { added: string[]; changed: string[]; removed: string[] };

/** Longer responses of a replaced instance are cut off, so that a reload does not keep its memory for ever. */
const MAX_RETIREMENT_MS = 3_600_000;
const POLL_MS = 100;

export function createInstances({ environmentOf, onRemoved }: Dependencies): Instances {
  let current: readonly Instance[] = [];
  const retiring = new Set<Instance>();

  const build = (config: Config): Instance => {
    const services = createServices(environmentOf(config));
    return { config, services, handle: createApp(services) };
  };
  const buildAll = (configs: readonly Config[]): Instance[] => {
    const built: Instance[] = [];
    try {
      for (const config of configs) built.push(build(config));
      return built;
    } catch (error) {
      for (const { services } of built) void services.close();
      throw error;
    }
  };
  const retire = async (instance: Instance): Promise<void> => {
    retiring.add(instance);
    await finish(instance);
    await instance.services.close();
    retiring.delete(instance);
    const { id } = instance.config.application;
    if ([...current, ...retiring].every(({ config }) => config.application.id !== id)) await onRemoved(instance.config);
  };

  return {
    current: () => current,
    all: () => [...current, ...retiring],
    replace({ server, applications: configs }, { rebuildsAll }) {
      const before = new Map(current.map((instance) => [instance.config.application.id, instance]));
      const keep = (config: Config): Instance | undefined => {
        const known = before.get(config.application.id);
        return !rebuildsAll && known !== undefined && ownText(known.config, server) === ownText(config, server)
          ? known
          : undefined;
      };
      const fresh = buildAll(configs.filter((config) => keep(config) === undefined));
      const next = configs.map((config) => keep(config) ?? fresh.find((instance) => instance.config === config));
      current = next.filter((instance) => instance !== undefined);
      const gone = [...before.values()].filter((instance) => !current.includes(instance));
      for (const instance of gone)
        retire(instance).catch((error: unknown) =>
          instance.services.log.error("closing a replaced application failed", { error }),
        );
      const ids = current.map(({ config }) => config.application.id);
      return {
        added: fresh.map(({ config }) => config.application.id).filter((id) => !before.has(id)),
        changed: gone.map(({ config }) => config.application.id).filter((id) => ids.includes(id)),
        removed: gone.map(({ config }) => config.application.id).filter((id) => !ids.includes(id)),
      };
    },
  };
}

/** Settings of the process are compared by restart-reasons.ts. */
function ownText(config: Config, server: ServerConfig): string {
  return canonicalText(Object.fromEntries(Object.entries(config).filter(([name]) => !(name in server))));
}

/**
 * Ends the event streams at once, so that browsers reconnect, and WebSockets after DRAIN_SECONDS.
 * Resolves when all requests have ended and no refresh is in flight.
 */
async function finish({ config, services }: Instance): Promise<void> {
  const { tunnels, requestsInFlight } = services;
  services.drain();
  const startedMs = performance.now();
  while (requestsInFlight.count > 0 && performance.now() - startedMs < MAX_RETIREMENT_MS) {
    if (tunnels.count() > 0 && performance.now() - startedMs >= config.drainMs) void tunnels.closeAll();
    await sleep(POLL_MS, undefined, { ref: false });
  }
  await services.refreshesSettled();
}
