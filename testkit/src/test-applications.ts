// Several applications in one gateway of the test process, on one port and with one Redis. Their host names are loopback
// addresses, because only those may use http.
import { once } from "node:events";
import { createServer } from "node:http";
import { gatewayConfig } from "@cloakroom/gateway/src/config/assemble-config.ts";
import { loadGatewayConfig, type Config, type GatewayConfig } from "@cloakroom/gateway/src/config/config.ts";
import { VARIABLES } from "@cloakroom/gateway/src/config/setting-words.ts";
import { createGateway, type ApplyResult, type Gateway } from "@cloakroom/gateway/src/gateway.ts";
import { SERVER_OPTIONS } from "@cloakroom/gateway/src/http/server-options.ts";
import { createLog } from "@cloakroom/gateway/src/logging/log.ts";
import { createMetrics, type GatewayMetrics } from "@cloakroom/gateway/src/metrics/metrics.ts";
import { openStores } from "@cloakroom/gateway/src/store/open-store.ts";
import { until } from "./until.ts";
import type { TestGateway } from "./test-gateway.ts";

export type TestApplications = {
  gateway: Gateway;
  metrics: GatewayMetrics;
  origin: string;
  /** All log lines so far (JSON). */
  log: string[];
  /** @returns the application with this id, as if it were alone */
  application(id: string): TestGateway;
  /** Replaces the applications by those of these environments. */
  apply(...environments: Record<string, string>[]): ApplyResult;
  stop(): Promise<void>;
};

/** Distinct host names of one listener. @param index from 0 to 99 */
export function testHost(index: number): string {
  return index === 0 ? "localhost" : `127.0.0.${index + 1}`;
}

/** @param environments settings of each application; those of the process are equal in all of them */
export function configOf(...environments: Record<string, string>[]): GatewayConfig {
  const loaded = environments.map((env) => loadGatewayConfig(env));
  const [first] = loaded;
  if (first === undefined) throw new Error("no application");
  return gatewayConfig(
    first.server,
    loaded.flatMap(({ applications }) => applications),
  );
}

export async function startApplications(...environments: Record<string, string>[]): Promise<TestApplications> {
  const config = configOf(...environments);
  const log: string[] = [];
  const processLog = createLog(config.server.logLevel, {
    destination: { write: (line: string) => void log.push(line) },
    words: VARIABLES,
  });
  const stores = openStores(config.server, processLog, (reason) => {
    throw new Error(reason);
  });
  await until("the store is usable", async () => (await stores.check().catch(() => "unreachable")) === undefined);
  const metrics = createMetrics();
  const gateway = createGateway(config, { log: processLog, metrics, stores });
  const server = createServer(SERVER_OPTIONS);
  gateway.attach(server);
  const { port } = config.server.listen;
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${port}`;
  const entries = () => log.map((line) => JSON.parse(line) as Record<string, unknown>);
  let stopped: Promise<unknown> | undefined;
  const stop = async (): Promise<void> => {
    stopped ??= (async () => {
      await gateway.webSockets.closeAll();
      server.closeAllConnections();
      server.close();
      await gateway.close();
      await stores.close();
    })();
    await stopped;
  };
  const configNow = (id: string): Config =>
    gateway.applications().find((each) => each.config.application.id === id)!.config;
  return {
    gateway,
    metrics,
    origin,
    log,
    application(id) {
      const own = configNow(id);
      return {
        ...{ origin, forwardAuthOrigin: "", config: own, store: stores.of(own.application.id), log, stop },
        events: (name) => entries().filter((line) => line["event"] === name && line["application"] === id),
        readiness: async (name) =>
          gateway
            .checks()
            .find((each) => each.name === name || each.name === `${id}/${name}`)!
            .check(),
      };
    },
    apply: (...next) => gateway.apply(configOf(...next)),
    stop,
  };
}
