// The system under test with the embedded provider: the real gateway with everything around it, behind a tap.
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { freePort } from "../../demo/src/free-port.ts";
import { startSystem, type System } from "../../demo/src/system.ts";
import { startDurableRedis } from "./durable-redis.ts";
import type { TestProvider, TestSystem } from "./system.ts";
import { startTap } from "./tap.ts";

const SPA_ROOT = fileURLToPath(new URL("../../spa/dist", import.meta.url));

export async function startDemoSystem(): Promise<TestSystem> {
  const gatewayPort = await freePort();
  const redis = await startDurableRedis();
  const tap = await startTap(gatewayPort);
  const masterKey = randomBytes(32).toString("base64url");
  const stopOurs = async () => void (await Promise.all([tap.stop(), redis.stop()]));
  try {
    const system = await startSystem({
      spaRoot: SPA_ROOT,
      redis: redis.url,
      publicOrigin: `http://localhost:${tap.port}`,
      ports: { gateway: gatewayPort, management: await freePort() },
      // Passwords are hashed as cheaply as scrypt allows: hashing well is tested where the provider is.
      provider: { passwordCost: 2 },
      api: { recordRequests: true },
      // The most talkative log is the one most likely to say too much.
      gatewayEnv: { SECRET_KEYS: masterKey, LOG_LEVEL: "debug" },
    });
    const stop = async () => {
      await system.stop();
      await stopOurs();
    };
    return { ...system, provider: asked(system), stop, redis, exchanges: tap.exchanges, masterKey };
  } catch (error) {
    await stopOurs();
    throw error;
  }
}

function asked({ provider }: System): TestProvider {
  return {
    ...provider,
    issueAccessTokensFor: async (seconds) => void (provider.lifetimes.accessTokenSeconds = seconds),
  };
}
