// The gateway, and on request the embedded provider, of one development server: start, restart after a crash, reload, stop.
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  acceptedSettings,
  configurationFile,
  embeddedProviderFault,
  referencedVariables,
  type ConfigurationSource,
} from "./configuration.ts";
import { embeddedUsers, startEmbeddedProvider, type EmbeddedProvider } from "./embedded-provider.ts";
import {
  checkConfiguration,
  GatewayStartError,
  startGatewayProcess,
  type CheckedConfiguration,
  type GatewayProcess,
} from "./gateway-process.ts";
import { parseLogLine, type LogLine } from "./log-line.ts";
import type { EmbeddedProviderOptions } from "./options.ts";

/** Where the runtime reports to: the log and the overlay of the current Vite server. */
export type Reporter = {
  log(line: LogLine): void;
  /** The gateway cannot be used. */
  fault(sentence: string): void;
  /** The gateway can be used again. */
  recovered(): void;
};

export type RuntimeOptions = {
  root: string;
  source: ConfigurationSource;
  /** Undefined: the provider that the configuration names. */
  provider: EmbeddedProviderOptions | undefined;
  origin: string;
  env: Readonly<Record<string, string | undefined>>;
};

export type Target = { kind: "running"; port: number } | { kind: "fault"; sentence: string };

export type Runtime = {
  reportTo(reporter: Reporter): void;
  /** Resolves when the gateway runs or has not started. */
  target(): Promise<Target>;
  /** Prefixes of the paths that belong to the gateway; undefined until the configuration was valid once. */
  prefixes(): readonly string[] | undefined;
  /** The configuration file has changed. The gateway applies it by itself; this starts or restarts it where necessary. */
  reload(): Promise<void>;
  gatewayPid(): number | undefined;
  issuer(): string | undefined;
  stop(): Promise<void>;
};

/** A gateway that ends more often in this time is not started again. */
const MAX_RESTARTS = 3;
const RESTART_WINDOW_MS = 60_000;
const BFF = "/bff";

/** Displayed if a request reaches the gateway past Vite. */
const PLACEHOLDER_PAGE = "<!doctype html><title>Cloakroom</title><p>Open the address of Vite's server instead.</p>\n";

type Running = { process: GatewayProcess; settings: string };

/** @param portsAreFree resolves when the previous runtime has stopped */
export function createRuntime(
  options: RuntimeOptions,
  initialReporter: Reporter,
  portsAreFree: Promise<void>,
): Runtime {
  const { root, source, origin } = options;
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-vite-"));
  writeFileSync(join(folder, "index.html"), PLACEHOLDER_PAGE);
  const secretKey = randomBytes(32).toString("base64url");
  const showsAll = (options.env["LOG_LEVEL"] ?? "") !== "";
  // A file may refer to a build that does not exist yet.
  const pagesFolder = source.kind === "environment" && !options.env["SPA_ROOT"] ? {} : { SPA_ROOT: folder };
  const restartsMs: number[] = [];
  let reporter = initialReporter;
  let provider: EmbeddedProvider | undefined;
  let running: Running | undefined;
  let prefixes: readonly string[] | undefined;
  let fault: string | undefined;
  let isStopped = false;

  const setFault = (sentence: string): void => {
    fault = sentence;
    if (!isStopped) reporter.fault(sentence);
  };
  const clearFault = (): void => {
    if (fault === undefined) return;
    fault = undefined;
    reporter.recovered();
  };

  const environment = () => {
    const references = referencedVariables(source);
    const settings = acceptedSettings({ PUBLIC_ORIGIN: origin, ...pagesFolder, ...provider?.settings }, references);
    const file = configurationFile(source, root, folder);
    const env = {
      ...options.env,
      ...settings,
      CLOAKROOM_CONFIG: file ?? "",
      WORKERS: "1",
      DRAIN_SECONDS: options.env["DRAIN_SECONDS"] ?? "0",
      ...(needsSecretKey(source, options.env) ? { SECRET_KEYS: secretKey } : {}),
    };
    return { env, settings: JSON.stringify(settings), references, file: file ?? "the environment" };
  };

  const start = async (): Promise<void> => {
    try {
      if (options.provider !== undefined) provider ??= await startEmbeddedProvider(options.provider, origin);
      const { env, settings, references, file } = environment();
      const unused = provider && embeddedProviderFault(references, file);
      if (unused !== undefined) return setFault(unused);
      const [checked, started] = await Promise.allSettled([
        checkConfiguration({ root, env }),
        startGatewayProcess({ root, env, onLine, onExit }),
      ]);
      const unusable =
        checked.status === "rejected"
          ? describe(checked.reason)
          : rejection(checked.value, { file, origin, references });
      if (unusable !== undefined || started.status === "rejected") {
        if (started.status === "fulfilled") await started.value.stop();
        return setFault(unusable ?? describe((started as PromiseRejectedResult).reason));
      }
      running = { process: started.value, settings };
      if (checked.status === "fulfilled") prefixes = prefixesOf(checked.value);
      if (isStopped) await stopGateway();
      clearFault();
    } catch (error) {
      setFault(describe(error));
    }
  };
  const announce = async (): Promise<void> => {
    if (running !== undefined)
      for (const text of await describeLogin(options, provider)) reporter.log({ level: "info", text });
  };
  const stopGateway = async (): Promise<void> => {
    const stopping = running;
    running = undefined;
    await stopping?.process.stop();
  };

  const onLine = (line: string): void => {
    const parsed = parseLogLine(line, showsAll);
    if (parsed !== undefined && !isStopped) reporter.log(parsed);
  };
  const onExit = (status: string): void => {
    running = undefined;
    if (isStopped) return;
    const nowMs = performance.now();
    restartsMs.splice(0, restartsMs.length, ...restartsMs.filter((atMs) => nowMs - atMs < RESTART_WINDOW_MS), nowMs);
    if (restartsMs.length > MAX_RESTARTS)
      return setFault(
        `The gateway ended ${restartsMs.length} times within a minute, the last time with ${status}. Press r + Enter to start it again.`,
      );
    const text = `The gateway ended with ${status} and is started again. Sessions in its memory are lost.`;
    reporter.log({ level: "warn", text });
    pending = pending.then(start);
  };

  const reload = async (): Promise<void> => {
    const { env, settings, references, file } = environment();
    if (running === undefined) return start();
    const checked = await checkConfiguration({ root, env });
    const unusable = rejection(checked, { file, origin, references });
    // The gateway itself keeps its previous configuration.
    if (unusable !== undefined) return reporter.fault(`${unusable}\nThe gateway keeps its previous configuration.`);
    prefixes = prefixesOf(checked);
    reporter.recovered();
    if (settings === running?.settings) return;
    await stopGateway();
    await start();
  };

  let pending = portsAreFree.then(start).then(announce);
  return {
    reportTo(next) {
      reporter = next;
      if (fault !== undefined) reporter.fault(fault);
    },
    async target() {
      for (let current; current !== pending;) await (current = pending);
      if (running !== undefined) return { kind: "running", port: running.process.port };
      return { kind: "fault", sentence: fault ?? "The gateway does not run." };
    },
    prefixes: () => prefixes && [BFF, ...prefixes],
    reload: () => (pending = pending.then(reload)),
    gatewayPid: () => running?.process.pid,
    issuer: () => provider?.issuer,
    async stop() {
      isStopped = true;
      await pending;
      await stopGateway();
      await provider?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The environment overrides keys in the file: a file with keys of its own keeps them. */
function needsSecretKey(source: ConfigurationSource, env: RuntimeOptions["env"]): boolean {
  if ((env["SECRET_KEYS"] ?? "") !== "" || (env["SECRET_KEYS_FILE"] ?? "") !== "") return false;
  if (source.kind === "environment") return true;
  if (source.kind === "inline") return source.config["secretKeys"] === undefined;
  try {
    const text = readFileSync(source.path, "utf8");
    return !/^secretKeys[ \t]*:/m.test(text) || /\$\{SECRET_KEYS(?:\}|:-)/.test(text);
  } catch {
    return true;
  }
}

type Rejected = { file: string; origin: string; references: ReadonlySet<string> | undefined };

/** @returns why the configuration cannot be used behind Vite's server */
function rejection(checked: CheckedConfiguration, { file, origin, references }: Rejected): string | undefined {
  const cure = `Write origin: \${PUBLIC_ORIGIN:-…}, or set the option origin of @cloakroom/vite.`;
  if (checked.kind === "invalid") {
    // An origin with https makes the embedded provider, which has http, invalid.
    const isOtherOrigin =
      references?.has("PUBLIC_ORIGIN") === false && checked.faults.some((each) => /origin/.test(each));
    const hint = `${file} does not contain \${PUBLIC_ORIGIN}, but browsers use ${origin}. ${cure}`;
    return [...(isOtherOrigin ? [hint] : []), ...checked.faults].join("\n");
  }
  if (checked.prefixes.includes("/"))
    return `${file} has an upstream row for /, which also receives the requests for Vite's files. Remove the row, or run that app's own development server behind the gateway.`;
  if (checked.origins.includes(origin)) return undefined;
  return `${file} has the origin ${checked.origins.join(", ")}, but browsers use ${origin}. ${cure}`;
}

async function describeLogin(
  { origin, provider: wanted }: RuntimeOptions,
  provider: EmbeddedProvider | undefined,
): Promise<string[]> {
  if (provider === undefined)
    return [`The gateway runs. Redirect URI of its client at the provider: ${origin}${BFF}/callback`];
  const users = await embeddedUsers(wanted?.users);
  return [
    `The gateway runs, with an OpenID Provider for development at ${provider.issuer}.`,
    ...users.map(({ username, password }) => `Log in as ${username} with ${password}`),
  ];
}

function prefixesOf(checked: CheckedConfiguration): readonly string[] {
  return checked.kind === "valid" ? checked.prefixes : [];
}

function describe(error: unknown): string {
  if (!(error instanceof GatewayStartError)) return error instanceof Error ? error.message : String(error);
  return error.message
    .split("\n")
    .map((line) => parseLogLine(line, true)?.text ?? line)
    .join("\n");
}
