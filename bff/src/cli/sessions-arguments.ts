// The command line of the administrator: what may be asked for, and what is said to who asks for something else.
import { parseArgs } from "node:util";
import { APPLICATION_ID, APPLICATION_ID_RULE, applicationId, type ApplicationId } from "../lib/application-id.ts";

export type AdminCommand =
  | { kind: "help" }
  | { kind: "count" }
  | { kind: "list"; issuer: string | undefined; subject: string; json: boolean }
  | { kind: "end-user"; issuer: string | undefined; subject: string }
  | { kind: "end-provider-session"; issuer: string | undefined; providerSid: string }
  | { kind: "end-all" }
  | { kind: "delete-old-format" };

export type AdminRequest = {
  command: AdminCommand;
  /** Undefined: the application of the settings. */
  application: ApplicationId | undefined;
};

export const HELP = `Sessions, for the administrator.

  npm run sessions -w bff -- <command>

  count                                       how many sessions there are
  list --subject <sub> [--issuer <url>]       one user's sessions, newest first; --json: one line of JSON for each
  end-user --subject <sub> [--issuer <url>]   ends all sessions of one user
  end-provider-session --sid <sid> [--issuer <url>]
                                              ends the sessions that came from one session at the provider
  end-all --yes                               ends all sessions of all users
  delete-old-format --yes                     deletes what releases without application ids stored, for all applications

Each command works for one application, which it names on stderr: that of --app <id>, otherwise of APP_ID, otherwise of
OIDC_ISSUER, OIDC_CLIENT_ID and PUBLIC_ORIGIN. Where a command finds no session and the application has none at all, it
lists the applications that have sessions.

It reads the gateway's own settings, so run it where the gateway runs. <sub> is the user's id at the provider (the
claim \`sub\`), not a name or address; --issuer is OIDC_ISSUER where it is not given. What is ended is ended on every
instance within a second, also where a login was just being stored. Security events go to stderr, as the gateway's log
writes them.

Exit codes: 0 done, 1 not done or not all of it (what was is said), 2 no such command, 78 a setting is wrong.
`;

/** Said to who asked for something that there is not. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @throws UsageError */
export function parseAdminArguments(args: readonly string[]): AdminRequest {
  const { values, positionals } = parse(args);
  const { help, app } = values;
  if (help === true || args.length === 0) return { command: { kind: "help" }, application: undefined };
  const [command, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`"${rest[0]}" is one word too many.`);
  if (app !== undefined && !APPLICATION_ID.test(app)) throw new UsageError(`--app ${APPLICATION_ID_RULE}.`);
  return { command: commandFrom(command, values), application: app === undefined ? undefined : applicationId(app) };
}

function commandFrom(command: string | undefined, values: ReturnType<typeof parse>["values"]): AdminCommand {
  const { issuer, subject, sid, yes, json = false } = values;
  switch (command) {
    case "count":
      return { kind: command };
    case "list":
      return { kind: command, issuer, subject: required(subject, "--subject"), json };
    case "end-user":
      return { kind: command, issuer, subject: required(subject, "--subject") };
    case "end-provider-session":
      return { kind: command, issuer, providerSid: required(sid, "--sid") };
    case "end-all":
      if (yes === true) return { kind: command };
      throw new UsageError(
        "end-all logs everybody out. Say --yes as well if that is what you want. Nothing was ended.",
      );
    case "delete-old-format":
      if (yes === true) return { kind: command };
      throw new UsageError(
        "delete-old-format logs out all users of a gateway that still runs an older release. Add --yes. Nothing was deleted.",
      );
    case undefined:
      throw new UsageError("A command is missing.");
    default:
      throw new UsageError(`There is no command "${command}".`);
  }
}

function parse(args: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = {
    help: { ...flag, short: "h" },
    app: text,
    issuer: text,
    subject: text,
    sid: text,
    yes: flag,
    json: flag,
  } as const;
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    // Node's own sentence names the option.
    throw new UsageError(error instanceof Error ? error.message : "The options cannot be read.");
  }
}

function required(value: string | undefined, option: string): string {
  if (value === undefined || value === "") throw new UsageError(`${option} is missing.`);
  return value;
}
