// `npm run sessions -w bff`: administration command line that lists and ends sessions, with the gateway's settings.
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { deleteUnnamedKeys, explainNothingFound } from "./list-applications.ts";
import { HELP, parseAdminArguments, UsageError, type AdminCommand } from "./sessions-arguments.ts";
import { createKeycloakSessions } from "../provider/keycloak-sessions.ts";
import { ConfigError, loadConfig, type Config } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { createLog, type Log } from "../logging/log.ts";
import type { RedisClient } from "../store/redis/redis-connection.ts";
import { isRefusal, NO_RESPONSE, redisErrorCode, redisErrorText } from "../store/redis/redis-errors.ts";
import { createRedisStore } from "../store/redis/redis-store.ts";
import type { UserName } from "../session/indexes.ts";
import { untilAcknowledged } from "../store/session-cache.ts";
import { createSessions, type Sessions } from "../session/sessions.ts";
import { createUserSessions, type UserSession } from "../session/user-sessions.ts";
import type { Store } from "../store/store.ts";
import { isoTime } from "../lib/iso-time.ts";

/** No browser waits for a command, so it may take longer than a request. */
const COMMAND_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;

type CommandContext = {
  config: Config;
  store: Store & { client: RedisClient };
  sessions: Sessions;
  log: Log;
  progress: Progress;
};
/** Reported when a command fails or finds nothing. */
type Progress = { isConnected: boolean; ended: number; found: number };

// Explicit, because timers of completed deadlines keep the process alive.
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    const { command, application } = parseAdminArguments(args);
    if (command.kind === "help") return print(HELP);
    const settings = loadConfig();
    const config =
      application === undefined ? settings : { ...settings, application: { id: application, isDerived: false } };
    if (config.redisUrl === undefined)
      throw new ConfigError([
        "REDIS_URL is not set: the sessions are in the memory of the gateway process and end when it stops.",
      ]);
    note(`Application: ${config.application.id}${config.application.isDerived ? " (derived from the settings)" : ""}`);
    return await withStore(config, config.redisUrl, (context) => runAndExplain(command, context));
  } catch (error) {
    if (error instanceof UsageError) return fail(2, `${error.message}\nSee: npm run sessions -w bff -- --help`);
    if (error instanceof ConfigError) return fail(78, error.message.replace("The gateway cannot start", "Not done"));
    throw error;
  }
}

async function withStore(
  config: Config,
  url: string,
  work: (context: CommandContext) => Promise<number>,
): Promise<number> {
  // The log goes to stderr; stdout carries only the output of the command.
  const log = createLog("info", pino.destination({ dest: 2, sync: true }));
  let reported: unknown;
  const onError = (error: unknown) => {
    // Keep the refusal: a later time-out is a consequence.
    if (redisErrorCode(error) !== NO_RESPONSE) reported = error;
  };
  const { redisConfirmReplicas: confirmReplicas, redisAccess: access } = config;
  const store = createRedisStore({
    ...{ url, application: config.application.id, timeoutMs: COMMAND_TIMEOUT_MS, access, confirmReplicas, onError },
  });
  const { sessionIdleMs, sessionMaxMs } = config;
  const sessions = createSessions({ store, log, sessionIdleMs, sessionMaxMs });
  const progress = { isConnected: false, ended: 0, found: 0 };
  try {
    await retryUntilConnected(() => store.check());
    progress.isConnected = true;
    // Retried as a whole: ending a session is idempotent, and the store's other connections may still be connecting.
    return await retryUntilConnected(() => work({ config, store, sessions, log, progress }));
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return fail(1, `${progressInWords(progress)} ${errorInWords(reported)}`);
  } finally {
    await store.close();
  }
}

function progressInWords({ isConnected, ended }: Progress): string {
  if (!isConnected) return "Nothing was ended:";
  return ended === 0 ? "Not done, or not all of it:" : `${sessionsInWords(ended)} ended, not all of them:`;
}

/**
 * Retries for at most CONNECT_TIMEOUT_MS while Redis cannot be reached.
 * @throws GatewayError store_unavailable; immediately if Redis refuses the gateway
 */
async function retryUntilConnected<T>(attempt: () => Promise<T>): Promise<T> {
  const giveUpAtMs = performance.now() + CONNECT_TIMEOUT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const isRefused = error instanceof GatewayError && isRefusal(redisErrorCode(error.cause));
      if (!(error instanceof GatewayError) || isRefused || performance.now() > giveUpAtMs) throw error;
      await sleep(50);
    }
  }
}

type Command = Exclude<AdminCommand, { kind: "help" }>;

/** If no session was found, explains whether the command addressed the wrong application. */
async function runAndExplain(command: Command, context: CommandContext): Promise<number> {
  const { config, store, progress } = context;
  if (config.provider.tenants !== undefined && "issuer" in command && command.issuer === undefined)
    return fail(2, "--issuer is required with OIDC_TENANTS: the issuer of the user's tenant. Nothing was done.");
  const code = await run(command, context);
  if (progress.found > 0) return code;
  const explanation = await explainNothingFound({ application: config.application, store });
  if (explanation.text !== undefined) note(explanation.text);
  return Math.max(code, explanation.code);
}

async function run(command: Command, context: CommandContext): Promise<number> {
  const { config, store, sessions, log, progress } = context;
  const issuer = ("issuer" in command ? command.issuer : undefined) ?? config.provider.issuer;
  const application = config.application.id;
  const issuedAtSeconds = Math.floor(store.nowMs() / 1000);
  switch (command.kind) {
    case "count":
      progress.found = await countSessions(store);
      return print(`${progress.found}\n`);
    case "list": {
      const { list } = createUserSessions({ store, end: sessions.end });
      const found = await list({ issuer, subject: command.subject });
      progress.found = found.length;
      const asLine = command.json ? asJson : asText;
      const lines = found.map((each) => asLine(each, store.nowMs())).join("");
      return print(lines || (command.json ? "" : "no sessions\n"));
    }
    case "end-user": {
      const { subject } = command;
      const count = await sessions.endAll({ kind: "user", issuer, subject, issuedAtSeconds }, "revoked");
      log.security("admin_ended_sessions", { application, reason: "end-user", subject, count });
      await acknowledge(count, context);
      return await endAtProvider({ issuer, subject }, context);
    }
    case "end-provider-session": {
      const { providerSid } = command;
      const count = await sessions.endAll({ kind: "provider-session", issuer, providerSid }, "revoked");
      log.security("admin_ended_sessions", { application, reason: "end-provider-session", count });
      return await acknowledge(count, context);
    }
    case "end-all": {
      await sessions.endAllSessions("revoked", (more) => (progress.ended += more));
      log.security("admin_ended_sessions", { application, reason: "end-all", count: progress.ended });
      return await acknowledge(progress.ended, context);
    }
    case "delete-old-format":
      progress.found = await deleteUnnamedKeys(store.client);
      log.security("admin_ended_sessions", { reason: command.kind, count: progress.found });
      return print(`${progress.found} keys deleted\n`);
  }
}

/** Prints the count once every instance rejects the ended sessions, cached ones included (I2). */
async function acknowledge(count: number, { config, progress }: CommandContext): Promise<0> {
  progress.found = count;
  if (config.sessionCacheMs > 0) await untilAcknowledged();
  return print(`${sessionsInWords(count)} ended\n`);
}

/** Ends the user's sessions at Keycloak. The gateway's sessions have been ended before, so a failure leaves none valid. */
async function endAtProvider(user: UserName, { config, log }: Pick<CommandContext, "config" | "log">): Promise<number> {
  if (config.keycloakAdmin === undefined || user.issuer !== config.provider.issuer) return 0;
  try {
    await createKeycloakSessions(config.provider, config.keycloakAdmin).endOfUser(user);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return fail(1, `The user's sessions at Keycloak were not ended: ${error.reason ?? error.code}.`);
  }
  log.security("provider_sessions_ended", { subject: user.subject });
  return print("the user's sessions at Keycloak ended\n");
}

async function countSessions(store: Store): Promise<number> {
  const keys = new Set<string>();
  for await (const batch of store.listAll()) for (const key of batch) keys.add(key);
  return keys.size;
}

function timesOf({ session, usedAgoMs, idleExpiresInMs, expiresInMs }: UserSession, nowMs: number) {
  return {
    id: session.handle,
    device: session.device ?? null,
    createdAt: isoTime(session.createdAtMs),
    lastUsedAt: usedAgoMs === undefined ? null : isoTime(nowMs - usedAgoMs),
    idleExpiresAt: isoTime(nowMs + Math.min(idleExpiresInMs, expiresInMs)),
    expiresAt: isoTime(nowMs + expiresInMs),
  };
}

function asJson(each: UserSession, nowMs: number): string {
  return `${JSON.stringify(timesOf(each, nowMs))}\n`;
}

function asText(each: UserSession, nowMs: number): string {
  const { id, device, createdAt, lastUsedAt, idleExpiresAt } = timesOf(each, nowMs);
  return `${id}  since ${createdAt}  used ${lastUsedAt ?? "unknown"}  until ${idleExpiresAt}  ${device ?? "unknown device"}\n`;
}

function sessionsInWords(count: number): string {
  return count === 1 ? "1 session" : `${count} sessions`;
}

function errorInWords(error: unknown): string {
  const code = redisErrorCode(error);
  if (code === "NOPERM")
    return "Redis refused it (NOPERM): the Redis user lacks a permission. Listing all sessions needs `scan`, see docs/guides/manage-sessions.md.";
  if (isRefusal(code)) return `${redisErrorText(error)}.`;
  return `${redisErrorText(error)}. Then repeat the command; it is idempotent.`;
}

function print(text: string): 0 {
  process.stdout.write(text);
  return 0;
}

/** Prints to stderr: stdout carries only the output of the command. */
function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function fail(code: number, text: string): number {
  process.stderr.write(`${text.trimEnd()}\n`);
  return code;
}
