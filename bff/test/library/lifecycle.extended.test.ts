// A gateway leaves nothing behind: after close the host's process ends by itself. It writes nothing and takes no signal.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { startHostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis } from "@cloakroom/testkit/test-redis.ts";

it("two gateways in a process, with and without Redis, let it end after close", { timeout: 60_000 }, async () => {
  const provider = await startHostileProvider();
  const redis = await startRedis();
  const child = spawn(process.execPath, [join(import.meta.dirname, "one-shot.ts")], {
    env: { PATH: process.env["PATH"] ?? "", NODE_NO_WARNINGS: "1", ISSUER: provider.issuer, REDIS: redis.url },
    timeout: 40_000,
  });
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  await provider.stop();
  await redis.stop();
  expect({ status: status as number | null, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual({ statuses: [200, 200], added: [] });
});
