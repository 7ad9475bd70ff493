// `cloakroom sessions`: administration command line that lists and ends sessions, on the session store or by the admin API
// of a running gateway.
import { readClientToken } from "../config/admin-token.ts";
import { ConfigError, loadConfig } from "../config/config.ts";
import { settingWords } from "../config/setting-words.ts";
import type { OnEnded } from "../session/end-session.ts";
import type { SessionDescription } from "../session/session-list.ts";
import { withApi } from "./api-target.ts";
import { HELP, parseAdminArguments, UsageError, type AdminCommand, type AdminRequest } from "./sessions-arguments.ts";
import { TargetError, type SessionsTarget } from "./sessions-target.ts";
import { withStore } from "./store-target.ts";

/** Reported when a command fails or finds nothing. `ended` counts all attempts. */
type Progress = { ended: number; found: number };

/** Intervals of the lines about the progress of a long command. */
const PROGRESS_EVERY_MS = 2_000;

// Explicit, because timers of completed deadlines keep the process alive.
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const progress = { ended: 0, found: 0 };
  try {
    const request = parseAdminArguments(args);
    const { command } = request;
    if (command.kind === "help") return print(HELP);
    return await withTarget(request, (target) => runAndExplain(command, target, progress));
  } catch (error) {
    if (error instanceof UsageError) return fail(2, `${error.message}\nSee: cloakroom sessions --help`);
    if (error instanceof ConfigError) return fail(78, error.message.replace("The gateway cannot start", "Not done"));
    if (error instanceof TargetError) return fail(1, `${progressInWords(progress, error)} ${error.message}`);
    throw error;
  }
}

async function withTarget(
  { application, url }: AdminRequest,
  work: (target: SessionsTarget) => Promise<number>,
): Promise<number> {
  if (url !== undefined) {
    const found = readClientToken();
    if ("fault" in found) throw new ConfigError([found.fault]);
    return withApi({ url, token: found.token }, application, (target) => {
      nameApplication(target);
      return work(target);
    });
  }
  const settings = loadConfig();
  const config =
    application === undefined ? settings : { ...settings, application: { id: application, isDerived: false } };
  if (config.redisUrl === undefined)
    throw new ConfigError([
      settingWords().sentence(
        "REDIS_URL is not set: the sessions are in the memory of the gateway process and end when it stops.",
      ),
    ]);
  const { id, isDerived } = config.application;
  nameApplication({ application: id, isDerived });
  return withStore(config, config.redisUrl, work);
}

function nameApplication({ application, isDerived }: Pick<SessionsTarget, "application" | "isDerived">): void {
  note(`Application: ${application}${isDerived ? " (derived from the settings)" : ""}`);
}

function progressInWords({ ended }: Progress, { isConnected }: TargetError): string {
  if (ended > 0) return `${sessionsInWords(ended)} ended, not all of them:`;
  return isConnected ? "Not completed:" : "Nothing was ended:";
}

type Command = Exclude<AdminCommand, { kind: "help" }>;

/** If no session was found, explains whether the command addressed the wrong application. */
async function runAndExplain(command: Command, target: SessionsTarget, progress: Progress): Promise<number> {
  const code = await run(command, target, progress);
  if (progress.found > 0) return code;
  const explanation = await target.explain();
  if (explanation.text !== undefined) note(explanation.text);
  return Math.max(code, explanation.code);
}

async function run(command: Command, target: SessionsTarget, progress: Progress): Promise<number> {
  const issuer = ("issuer" in command ? command.issuer : undefined) ?? target.issuer;
  if ("issuer" in command && issuer === undefined)
    throw new UsageError("--issuer is required with OIDC_TENANTS: the issuer of the user's tenant. Nothing was done.");
  const user = { issuer: issuer ?? "", subject: "subject" in command ? command.subject : "" };
  /** Prints the count: at its end, every instance rejects the ended sessions (I2). */
  const end = async (work: (onEnded: OnEnded) => Promise<void>, subject?: string): Promise<0> => {
    const audit = (): void =>
      target.audit({ reason: command.kind, count: progress.ended, ...(subject === undefined ? {} : { subject }) });
    await work(countInto(progress)).catch((error: unknown) => {
      if (progress.ended > 0) audit();
      throw error;
    });
    audit();
    progress.found = progress.ended;
    return print(`${sessionsInWords(progress.ended)} ended\n`);
  };
  switch (command.kind) {
    case "count":
      progress.found = await target.count();
      return print(`${progress.found}\n`);
    case "list": {
      const found = await target.list(user);
      progress.found = found.length;
      const lines = found.map(command.json ? asJson : asText).join("");
      return print(lines || (command.json ? "" : "no sessions\n"));
    }
    case "end-user":
      await end((onEnded) => target.endUser(user, onEnded), user.subject);
      return endAtProvider(target, user);
    case "end-provider-session": {
      const { providerSid } = command;
      return end((onEnded) => target.endProviderSession({ issuer: user.issuer, providerSid }, onEnded));
    }
    case "end-all":
      return end(target.endAll);
    case "delete-old-format":
      progress.found = await target.deleteOldFormat();
      return print(`${progress.found} keys deleted\n`);
  }
}

/** Counts ended sessions, and prints every two seconds how many there are. */
function countInto(progress: Progress): OnEnded {
  let notedMs = performance.now();
  return function onEnded(count) {
    progress.ended += count;
    if (performance.now() - notedMs < PROGRESS_EVERY_MS) return;
    notedMs = performance.now();
    note(`${sessionsInWords(progress.ended)} ended so far`);
  };
}

/** The gateway's sessions have been ended before, so a failure leaves none valid. */
async function endAtProvider({ endAtProvider }: SessionsTarget, user: { issuer: string; subject: string }) {
  if (endAtProvider === undefined) return 0;
  const failure = await endAtProvider(user);
  return failure === undefined ? print("the user's sessions at Keycloak ended\n") : fail(1, failure);
}

function asJson({ id, device, createdAt, lastUsedAt, idleExpiresAt, expiresAt }: SessionDescription): string {
  return `${JSON.stringify({ id, device, createdAt, lastUsedAt, idleExpiresAt, expiresAt })}\n`;
}

function asText({ id, createdAt, lastUsedAt, idleExpiresAt, device }: SessionDescription): string {
  return `${id}  since ${createdAt}  used ${lastUsedAt ?? "unknown"}  until ${idleExpiresAt}  ${device ?? "unknown device"}\n`;
}

function sessionsInWords(count: number): string {
  return count === 1 ? "1 session" : `${count} sessions`;
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
