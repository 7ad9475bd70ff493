// Argument parser of the administration command line.
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
  /** Value of --app; undefined: the application of the settings. */
  application: ApplicationId | undefined;
  /** Value of --url: the management listener of a gateway, whose admin API does the work; undefined: the session store. */
  url: string | undefined;
};

export const HELP = `Lists and ends sessions.

  cloakroom sessions <command>

  count                                       prints the number of sessions
  list --subject <sub> [--issuer <url>]       prints one user's sessions, newest first; --json: one JSON object per line
  end-user --subject <sub> [--issuer <url>]   ends all sessions of one user
  end-provider-session --sid <sid> [--issuer <url>]
                                              ends the sessions created from one session of the provider
  end-all --yes                               ends all sessions of all users
  delete-old-format --yes                     deletes the data of releases without application ids, for all applications

Each command works on one application and prints its id to stderr: the id of --app, else of APP_ID, else the id derived
from OIDC_ISSUER, OIDC_CLIENT_ID and PUBLIC_ORIGIN. If the application has no session, the command lists the
applications that have some.

Without --url the command works on the session store and reads the gateway's settings, so run it in the gateway's
environment. With --url <management listener>, for instance http://127.0.0.1:9000, a running gateway does the work (admin
API): only ADMIN_TOKEN or ADMIN_TOKEN_FILE is read, and --app is required if the gateway has several applications.

<sub> is the user's id at the provider (the claim \`sub\`), not a name or an email address. --issuer defaults to
OIDC_ISSUER; with OIDC_TENANTS it is required. Ended sessions are rejected by every instance within a second, including
sessions whose login was still in progress. Security events are logged to stderr; with --url, in the gateway's log.

Exit codes: 0 success, 1 failed or incomplete (the output says what was done), 2 usage error, 78 invalid setting.
`;

/** Invalid arguments; the message is printed. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @throws UsageError for an unknown command or option, or a missing one */
export function parseAdminArguments(args: readonly string[]): AdminRequest {
  const { values, positionals } = parse(args);
  const { help, app, url } = values;
  if (help === true || args.length === 0) return { command: { kind: "help" }, application: undefined, url: undefined };
  const [command, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`Unexpected argument "${rest[0]}".`);
  if (app !== undefined && !APPLICATION_ID.test(app)) throw new UsageError(`--app ${APPLICATION_ID_RULE}.`);
  if (url !== undefined && !isOrigin(url))
    throw new UsageError("--url must be the origin of the management listener, such as http://127.0.0.1:9000.");
  if (url !== undefined && command === "delete-old-format")
    throw new UsageError("delete-old-format works on the session store only. Omit --url. Nothing was deleted.");
  return {
    command: commandFrom(command, values),
    application: app === undefined ? undefined : applicationId(app),
    url,
  };
}

function isOrigin(url: string): boolean {
  return /^https?:/.test(url) && URL.canParse(url) && `${new URL(url).origin}/` === new URL(url).href;
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
      throw new UsageError("end-all logs out all users. Add --yes to confirm. Nothing was ended.");
    case "delete-old-format":
      if (yes === true) return { kind: command };
      throw new UsageError(
        "delete-old-format logs out all users of a gateway that still runs an older release. Add --yes to confirm. Nothing was deleted.",
      );
    case undefined:
      throw new UsageError("A command is missing.");
    default:
      throw new UsageError(`Unknown command "${command}".`);
  }
}

function parse(args: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = {
    help: { ...flag, short: "h" },
    app: text,
    url: text,
    issuer: text,
    subject: text,
    sid: text,
    yes: flag,
    json: flag,
  } as const;
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    // Node's message names the option.
    throw new UsageError(error instanceof Error ? error.message : "The options are invalid.");
  }
}

function required(value: string | undefined, option: string): string {
  if (value === undefined || value === "") throw new UsageError(`${option} is missing.`);
  return value;
}
