// The Vite plugin: Vite's development server forwards the gateway's paths to a gateway that it starts, on one origin.
import type { Server } from "node:http";
import { resolve } from "node:path";
import {
  loadEnv,
  type HttpServer,
  type Plugin,
  type PreviewServer,
  type ResolvedConfig,
  type ViteDevServer,
} from "vite";
import { configurationSource } from "./configuration.ts";
import { createMiddleware, createUpgradeHandler } from "./middleware.ts";
import type { CloakroomOptions, CloakroomPluginApi, EmbeddedProviderOptions } from "./options.ts";
import { defaultDenyPatterns, denyPatterns, privateFiles } from "./private-files.ts";
import type { Reporter, Runtime, RuntimeOptions } from "./runtime.ts";
import { slotOf, type Slot } from "./runtime-slot.ts";

const NAME = "@cloakroom/vite";

type AnyServer = ViteDevServer | PreviewServer;

export function cloakroom(options: CloakroomOptions = {}): Plugin<CloakroomPluginApi> {
  let slot: Slot | undefined;
  let httpServer: HttpServer | undefined;

  const attach = (server: AnyServer, kind: "dev" | "preview", reporter: Reporter): void => {
    requireNode();
    const { config } = server;
    if (server.httpServer === null)
      return config.logger.warn(
        `[${NAME}] Vite runs in middleware mode: mount the gateway in your own server with createGateway of @cloakroom/gateway.`,
      );
    const own = slotOf(`${kind}:${config.root}`);
    const current = server.httpServer;
    [slot, httpServer] = [own, current];
    own.expect(current);
    const env = environment(config, options);
    const provider = embeddedProvider(options, env);
    const runtime = (): Runtime | undefined => own.runtime();
    let origin = options.origin;
    // Before Vite's own middleware, which permits CORS to other ports of localhost.
    server.middlewares.stack.unshift({ route: "", handle: createMiddleware(runtime, () => origin) });
    current.on("upgrade", createUpgradeHandler(runtime));
    current.once("listening", () => {
      origin ??= originOf(current, config);
      const source = configurationSource(options.config, config.root);
      own.use(current, { root: config.root, source, provider, origin, env }, reporter);
      if (provider === undefined) warnOfOtherPort(current, config, kind);
    });
    current.once("close", () => void own.release(current));
  };

  return {
    name: NAME,
    // Never part of `vite build`.
    apply: "serve",
    async config({ root: folder = ".", envDir, server }, { mode }) {
      const root = resolve(folder);
      const env = environment({ mode, envDir: envDir === false ? false : resolve(root, envDir ?? ".") }, options);
      const patterns = denyPatterns(privateFiles(configurationSource(options.config, root), root, env));
      const deny = server?.fs?.deny === undefined ? await defaultDenyPatterns(mode) : [];
      return { server: { fs: { deny: [...deny, ...patterns] } } };
    },
    configureServer(server) {
      attach(server, "dev", devReporter(server));
      const source = configurationSource(options.config, server.config.root);
      if (source.kind !== "file") return;
      const own = slot;
      server.watcher.add(source.path);
      for (const event of ["add", "change"] as const)
        server.watcher.on(event, (path) => {
          if (path === source.path) void own?.runtime()?.reload();
        });
    },
    configurePreviewServer(server) {
      if (options.preview === true) attach(server, "preview", logReporter(server.config));
    },
    // Vite 8; with Vite 7 the server's `close` event stops the gateway.
    async closeServer({ reason }) {
      if (reason === "close" && httpServer !== undefined) await slot?.release(httpServer, { isFinal: true });
    },
    api: {
      async ready() {
        const target = await slot?.runtime()?.target();
        if (target === undefined) return "The server does not listen.";
        return target.kind === "fault" ? target.sentence : undefined;
      },
      gatewayPid: () => slot?.runtime()?.gatewayPid(),
      issuer: () => slot?.runtime()?.issuer(),
    },
  };
}

/** Vite prints the stack of an error instead of its message. */
function withoutStack(error: Error): Error {
  error.stack = error.message;
  return error;
}

/** npm only warns of an unsupported version. @throws Error */
function requireNode(): void {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  if (major < 22 || (major === 22 && minor < 22))
    throw withoutStack(new Error(`${NAME} needs Node 22.22 or later and found ${node}.`));
}

/** The process's environment and the `.env` files of Vite's mode. Only the gateway receives them, never the browser. */
function environment(
  { mode, envDir }: Pick<ResolvedConfig, "envDir" | "mode">,
  options: CloakroomOptions,
): RuntimeOptions["env"] {
  const fromFiles = envDir === false ? {} : loadEnv(mode, envDir, "");
  return { ...fromFiles, ...process.env, ...options.env };
}

/** @returns undefined if the environment names a provider */
function embeddedProvider(
  { provider = false }: CloakroomOptions,
  env: RuntimeOptions["env"],
): EmbeddedProviderOptions | undefined {
  if (provider === false || (env["OIDC_ISSUER"] ?? "") !== "") return undefined;
  return provider === true ? {} : provider;
}

function portOf(server: HttpServer): number {
  const address = (server as Server).address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function originOf(server: HttpServer, { server: { https } }: ResolvedConfig): string {
  return new URL(`${https === undefined ? "http" : "https"}://localhost:${portOf(server)}`).origin;
}

/** The provider knows one redirect URI: with another port logins fail there. */
function warnOfOtherPort(server: HttpServer, config: ResolvedConfig, kind: "dev" | "preview"): void {
  const wanted = (kind === "dev" ? config.server : config.preview).port;
  const used = portOf(server);
  if (wanted === used || wanted === 0) return;
  config.logger.warn(
    `[${NAME}] Port ${wanted} is taken. Logins work only if http://localhost:${used}/bff/callback is a redirect URI of the client at the provider.`,
  );
}

function logReporter({ logger }: ResolvedConfig): Reporter {
  return {
    log: ({ level, text }) => logger[level](`[cloakroom] ${text}`, { timestamp: true }),
    fault: (sentence) => logger.error(`[cloakroom] ${sentence}`, { timestamp: true }),
    recovered: () => logger.info("[cloakroom] The gateway runs.", { timestamp: true }),
  };
}

/** Faults are also displayed in Vite's overlay, to pages that are loaded later too. */
function devReporter({ config, ws }: ViteDevServer): Reporter {
  const { log, fault, recovered } = logReporter(config);
  let shown: string | undefined;
  const show = () => {
    if (shown !== undefined) ws.send({ type: "error", err: { message: shown, stack: "", plugin: NAME } });
  };
  ws.on("connection", show);
  return {
    log,
    fault(sentence) {
      fault(sentence);
      shown = sentence;
      show();
    },
    recovered() {
      if (shown === undefined) return;
      shown = undefined;
      recovered();
      ws.send({ type: "full-reload" });
    },
  };
}
