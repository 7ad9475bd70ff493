// The system under test with the embedded provider: gateway, resource API and Redis, with a recording proxy in front.
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startSystem, type System } from "@cloakroom/demo/system.ts";
import { startDurableRedis } from "./durable-redis.ts";
import { startRecordingProxy } from "@cloakroom/testing/leaks/recording-proxy.ts";
import type { TestProvider, TestSystem } from "./system.ts";

const SPA_ROOT = fileURLToPath(new URL("../../spa/dist", import.meta.url));

/** The gateway of an installed package; the source if it is not set. */
const gatewayEntry = process.env["GATEWAY_ENTRY"];

/** @param gatewayEnv further settings of the gateway */
export async function startEmbeddedSystem(gatewayEnv: Record<string, string> = {}): Promise<TestSystem> {
  const gatewayPort = await freePort();
  const redis = await startDurableRedis();
  const proxy = await startRecordingProxy(gatewayPort);
  const masterKey = randomBytes(32).toString("base64url");
  const stopProxyAndRedis = async () => void (await Promise.all([proxy.stop(), redis.stop()]));
  try {
    const system = await startSystem({
      spaRoot: SPA_ROOT,
      redis: redis.url,
      publicOrigin: `http://localhost:${proxy.port}`,
      ports: { gateway: gatewayPort, management: await freePort() },
      // The lowest scrypt cost: password hashing is tested with the provider.
      provider: { passwordCost: 2 },
      api: { recordRequests: true },
      ...(gatewayEntry === undefined ? {} : { gatewayEntry }),
      // The most verbose level: the log is searched for secrets.
      gatewayEnv: { SECRET_KEYS: masterKey, LOG_LEVEL: "debug", ...gatewayEnv },
    });
    const stop = async () => {
      await system.stop();
      await stopProxyAndRedis();
    };
    return { ...system, provider: testProvider(system), stop, redis, exchanges: proxy.exchanges, masterKey };
  } catch (error) {
    await stopProxyAndRedis();
    throw error;
  }
}

function testProvider({ provider }: System): TestProvider {
  return {
    ...provider,
    setAccessTokenLifetime: async (seconds) => void (provider.lifetimes.accessTokenSeconds = seconds),
  };
}
