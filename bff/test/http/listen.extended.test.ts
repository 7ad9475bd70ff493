// Errors at bind time name the setting of the listener, with one and with several workers.
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listenErrorText } from "../../src/http/listen.ts";
import { startGatewayProcess } from "@cloakroom/testkit/gateway-process.ts";

const taken = createServer();
let takenPort: string;
beforeAll(async () => {
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  takenPort = String((taken.address() as AddressInfo).port);
});
afterAll(() => void taken.close());

async function run(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const { exited, output } = await startGatewayProcess(env);
  return { code: await exited, output: output() };
}

const reasonsIn = (output: string): unknown[] => [
  ...new Set(
    output
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as { msg: string; reason?: string })
      .flatMap(({ msg, reason }) => (msg === "cannot listen" ? [reason] : [])),
  ),
];

const processes: [name: string, env: Record<string, string>][] = [
  ["one process", {}],
  ["several processes", { WORKERS: "2", REDIS_URL: "redis://127.0.0.1:1" }],
];

describe.each(processes)("in %s", (_name, common) => {
  test.each<[setting: string, env: () => Record<string, string>, rule: RegExp]>([
    ["HOST", () => ({ HOST: "nowhere.invalid" }), /^HOST "nowhere\.invalid" is a name that cannot be resolved/],
    ["HOST", () => ({ HOST: "203.0.113.1" }), /^HOST "203\.0\.113\.1" is not an address of this machine/],
    ["PORT", () => ({ PORT: takenPort }), /^PORT \d+ is taken by another process\. Stop that one, or set another PORT/],
    [
      "MANAGEMENT_HOST",
      () => ({ MANAGEMENT_HOST: "nowhere.invalid" }),
      /^MANAGEMENT_HOST "nowhere\.invalid" is a name that cannot be resolved/,
    ],
    [
      "MANAGEMENT_HOST",
      () => ({ MANAGEMENT_HOST: "203.0.113.1" }),
      /^MANAGEMENT_HOST "203\.0\.113\.1" is not an address of this machine/,
    ],
    [
      "MANAGEMENT_PORT",
      () => ({ MANAGEMENT_PORT: takenPort }),
      /^MANAGEMENT_PORT \d+ is taken by another process\. Stop that one, or set another MANAGEMENT_PORT/,
    ],
  ])(
    "an unusable %s ends the process with one sentence",
    async (_setting, env, rule) => {
      const { code, output } = await run({ ...common, ...env() });
      expect(code).toBe(1);
      expect(reasonsIn(output)).toEqual([expect.stringMatching(rule)]);
    },
    60_000,
  );
});

// Texts only: these errors do not occur on every machine, e.g. root may bind every port.
test.each([
  ["EACCES", { host: "0.0.0.0", port: 443 }, /PORT 443 is not allowed for this user \(EACCES\)\. Set one from 1024 up/],
  ["EAFNOSUPPORT", { host: "::1", port: 3000 }, /HOST "::1" is not an address of this machine/],
  ["EMFILE", { host: "::1", port: 3000 }, /HOST "::1" with .*PORT 3000 cannot be used \(EMFILE\)/],
])("%s names the setting of its own listener", (code, address, rule) => {
  expect(listenErrorText(code, address, "")).toMatch(rule);
  expect(listenErrorText(code, address, "")).not.toContain("MANAGEMENT_");
  expect(listenErrorText(code, address, "MANAGEMENT_")).toMatch(rule);
  expect(listenErrorText(code, address, "MANAGEMENT_")).toMatch(/^MANAGEMENT_/);
});
