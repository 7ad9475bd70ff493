// Starts everything in order, says what runs where, and stops it again whatever happens.
import { freePort } from "@cloakroom/testing/free-port.ts";
import { passedThrough } from "@cloakroom/testing/gateway-env.ts";
import { GatewayStartError } from "@cloakroom/testing/gateway-process.ts";
import { startSystem, type System, type SystemOptions } from "../system.ts";
import { banner } from "./banner.ts";
import { restartOnChange, startViteServer } from "./dev-server.ts";
import { readableLine } from "./gateway-lines.ts";
import { planPorts, type PortPlan } from "./ports.ts";
import { redisFault } from "./redis-fault.ts";
import { buildSpa, SPA_DIST } from "./spa-build.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export type LaunchOptions = {
  env: Environment;
  isDev: boolean;
  say: (line: string) => void;
  /** The gateway ended by itself: there is nothing left to show. */
  onEnd: () => void;
};

export type Launched = { kind: "running"; stop(): Promise<void> } | { kind: "failed"; message: string };

export async function launch(options: LaunchOptions): Promise<Launched> {
  const { env, isDev, say } = options;
  const command = isDev ? "npm run dev" : "npm start";
  const planned = await planPorts(env, command);
  if (planned.kind === "refused") return { kind: "failed", message: planned.lines.join("\n") };
  const redisUrl = env["REDIS_URL"] ?? "";
  const fault = redisUrl === "" ? undefined : await redisFault(redisUrl, command);
  if (fault !== undefined) return { kind: "failed", message: fault };
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each().catch(() => undefined);
  };
  try {
    if (!isDev && env["SPA_ROOT"] === undefined) await buildSpa(say);
    const lines = lineHolder(options);
    const system = await startSystem(await systemOptions(options, planned.ports, lines.take));
    stops.push(system.stop);
    lines.release();
    if (isDev) await startDevelopment({ system, port: planned.ports.gateway, say, stops });
    say(banner(system, isDev));
    return { kind: "running", stop };
  } catch (error) {
    await stop();
    return { kind: "failed", message: readableFailure(error as Error) };
  }
}

function readableFailure(error: Error): string {
  if (!(error instanceof GatewayStartError)) return error.message;
  return error.message
    .split("\n")
    .map((line) => readableLine(line, true))
    .join("\n");
}

/** Holds the gateway's lines back until it runs: if it does not, the failure shows them all. */
function lineHolder({ env, say }: LaunchOptions): { take: (line: string) => void; release: () => void } {
  const showsAll = (env["LOG_LEVEL"] ?? "") !== "";
  const show = (line: string) => {
    const readable = readableLine(line, showsAll);
    if (readable !== undefined) say(readable);
  };
  let held: string[] | undefined = [];
  return {
    take: (line) => {
      if (held === undefined) show(line);
      else held.push(line);
    },
    release: () => {
      held?.forEach(show);
      held = undefined;
    },
  };
}

async function systemOptions(
  { env, isDev, say, onEnd }: LaunchOptions,
  ports: PortPlan,
  onGatewayLine: (line: string) => void,
): Promise<SystemOptions> {
  return {
    ports: isDev ? { ...ports, gateway: await freePort() } : ports,
    publicOrigin: `http://localhost:${ports.gateway}`,
    // WebKit stores no Secure cookie over http, not even on localhost.
    gatewayEnv: { ...passedThrough(env), INSECURE_COOKIES: "loopback" },
    ...(isDev ? {} : { spaRoot: SPA_DIST }),
    onGatewayLine,
    onGatewayExit: (how) => {
      say(`The gateway ended by itself (${how}).`);
      if (!isDev) onEnd();
    },
  };
}

type Development = { system: System; port: number; say: (line: string) => void; stops: (() => Promise<void>)[] };

async function startDevelopment({ system, port, say, stops }: Development): Promise<void> {
  const vite = await startViteServer(port, system.gatewayPort);
  stops.push(vite.stop);
  stops.push(restartOnChange(system.gateway, say).stop);
}
