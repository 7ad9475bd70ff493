// Launcher: checks ports and Redis, builds the SPA, starts the system and stops it in reverse order.
import { freePort } from "@cloakroom/testing/free-port.ts";
import { GatewayStartError } from "@cloakroom/testing/gateway-process.ts";
import { startSystem, type System, type SystemOptions } from "../system.ts";
import { formatBanner } from "./banner.ts";
import { checkRedis } from "./check-redis.ts";
import { restartOnChange, startViteServer } from "./dev-server.ts";
import { formatLogLine } from "./format-log-line.ts";
import { pickGatewaySettings } from "./gateway-settings.ts";
import { planPorts, type PortPlan } from "./ports.ts";
import { buildSpa, SPA_DIST } from "./spa-build.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export type LaunchOptions = {
  env: Environment;
  isDev: boolean;
  print: (line: string) => void;
  /** Called when the gateway has exited unexpectedly, except in development mode. */
  onGatewayExit: () => void;
};

export type Launched = { kind: "running"; stop(): Promise<void> } | { kind: "failed"; message: string };

export async function launch(options: LaunchOptions): Promise<Launched> {
  const { env, isDev, print } = options;
  const command = isDev ? "npm run dev" : "npm start";
  const planned = await planPorts(env, command);
  if (planned.kind === "rejected") return { kind: "failed", message: planned.messages.join("\n") };
  const redisUrl = env["REDIS_URL"] ?? "";
  const redisError = redisUrl === "" ? undefined : await checkRedis(redisUrl, command);
  if (redisError !== undefined) return { kind: "failed", message: redisError };
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each().catch(() => undefined);
  };
  try {
    if (!isDev && env["SPA_ROOT"] === undefined) await buildSpa(print);
    const log = bufferGatewayLog(options);
    const system = await startSystem(await systemOptions(options, planned.ports, log.write));
    stops.push(system.stop);
    log.flush();
    if (isDev) await startDevelopment({ system, port: planned.ports.gateway, print, stops });
    print(formatBanner(system, isDev));
    return { kind: "running", stop };
  } catch (error) {
    await stop();
    return { kind: "failed", message: formatStartError(error as Error) };
  }
}

function formatStartError(error: Error): string {
  if (!(error instanceof GatewayStartError)) return error.message;
  return error.message
    .split("\n")
    .map((line) => formatLogLine(line, true))
    .join("\n");
}

/** Buffers the gateway's log until it has started: if it does not start, the error message contains all lines. */
function bufferGatewayLog({ env, print }: LaunchOptions): { write: (line: string) => void; flush: () => void } {
  const showsAll = (env["LOG_LEVEL"] ?? "") !== "";
  const show = (line: string) => {
    const text = formatLogLine(line, showsAll);
    if (text !== undefined) print(text);
  };
  let buffer: string[] | undefined = [];
  return {
    write: (line) => {
      if (buffer === undefined) show(line);
      else buffer.push(line);
    },
    flush: () => {
      buffer?.forEach(show);
      buffer = undefined;
    },
  };
}

async function systemOptions(
  { env, isDev, print, onGatewayExit }: LaunchOptions,
  ports: PortPlan,
  onGatewayLine: (line: string) => void,
): Promise<SystemOptions> {
  return {
    ports: isDev ? { ...ports, gateway: await freePort() } : ports,
    publicOrigin: `http://localhost:${ports.gateway}`,
    // WebKit stores no Secure cookie over http, not even on localhost.
    gatewayEnv: { ...pickGatewaySettings(env), INSECURE_COOKIES: "loopback" },
    ...(isDev ? {} : { spaRoot: SPA_DIST }),
    onGatewayLine,
    onGatewayExit: (status) => {
      print(`The gateway exited unexpectedly (${status}).`);
      if (!isDev) onGatewayExit();
    },
  };
}

type Development = { system: System; port: number; print: (line: string) => void; stops: (() => Promise<void>)[] };

async function startDevelopment({ system, port, print, stops }: Development): Promise<void> {
  const vite = await startViteServer(port, system.gatewayPort);
  stops.push(vite.stop);
  stops.push(restartOnChange(system.gateway, print).stop);
}
