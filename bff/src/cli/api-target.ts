// The sessions command on the admin API of a running gateway (docs/reference/admin-api.md).
import type { ApplicationId } from "../lib/application-id.ts";
import { ADMIN_ERRORS, type AdminProblem } from "../management/admin/admin-errors.ts";
import type { OnEnded } from "../session/end-session.ts";
import type { SessionDescription } from "../session/session-list.ts";
import { UsageError } from "./sessions-arguments.ts";
import { TargetError, type SessionsTarget, type Work } from "./sessions-target.ts";

type Application = { id: string; issuer: string | null; endsAtProvider: boolean; sessions: number };
type Connection = { url: string; token: string };

/** Largest page of the API. */
const PAGE_LIMIT = 500;
const CONNECT_TIMEOUT_MS = 10_000;

/** @throws TargetError | UsageError */
export async function withApi(
  connection: Connection,
  application: ApplicationId | undefined,
  work: Work,
): Promise<number> {
  const send = createSender(connection);
  return work(targetFrom(send, await findApplication(send, application)));
}

type Send = (method: "GET" | "DELETE", path: string, options?: { accept?: string }) => Promise<Response>;

function createSender({ url, token }: Connection): Send {
  return async function send(method, path, { accept = "application/json" } = {}) {
    const headers = { authorization: `Bearer ${token}`, accept };
    // A long end has no deadline; the first request shows whether the gateway responds.
    const signal = method === "GET" ? AbortSignal.timeout(CONNECT_TIMEOUT_MS) : null;
    // oxlint-disable-next-line no-restricted-globals -- a gateway's admin API is neither a provider nor an upstream
    const response = await fetch(new URL(path, url), { method, headers, redirect: "error", signal }).catch(() => {
      throw new TargetError(
        `No response from the management listener at ${url}. Correct --url or start the gateway.`,
        false,
      );
    });
    if (response.ok) return response;
    throw problemError(await readProblem(response), response.status);
  };
}

async function readProblem(response: Response): Promise<Partial<AdminProblem>> {
  try {
    return (await response.json()) as Partial<AdminProblem>;
  } catch {
    return {};
  }
}

function problemError({ code, detail }: Partial<AdminProblem>, status: number): TargetError {
  const isConnected = status !== 401 && status !== 404;
  if (status === 401) return new TargetError("The gateway rejects ADMIN_TOKEN. Set the value of the gateway.", false);
  if (status === 404 && code === undefined)
    return new TargetError("The gateway has no admin API. Set ADMIN_TOKEN there, and check the port of --url.", false);
  return new TargetError(detail ?? `The gateway responded ${status}.`, isConnected);
}

/** @throws UsageError unless `id` names one of several applications */
async function findApplication(send: Send, id: ApplicationId | undefined): Promise<Application> {
  if (id !== undefined) return (await (await send("GET", `/admin/applications/${id}`)).json()) as Application;
  const { applications } = (await (await send("GET", "/admin/applications")).json()) as { applications: Application[] };
  const [only] = applications;
  if (applications.length === 1 && only !== undefined) return only;
  throw new UsageError(`--app is required: ${applications.map((each) => each.id).join(", ")}. Nothing was done.`);
}

function targetFrom(send: Send, { id, issuer, endsAtProvider, sessions }: Application): SessionsTarget {
  const base = `/admin/applications/${id}`;
  const userPath = (subject: string) => `${base}/users/${encodeURIComponent(subject)}/sessions`;
  const end = async (path: string, onEnded: OnEnded): Promise<void> => {
    const { ended } = (await (await send("DELETE", path)).json()) as { ended: number };
    onEnded(ended);
  };
  return {
    ...{ application: id, isDerived: false, issuer: issuer ?? undefined },
    count: async () => sessions,
    async list({ issuer: of, subject }) {
      const found: SessionDescription[] = [];
      const query = new URLSearchParams({ user: subject, issuer: of, limit: String(PAGE_LIMIT) });
      for (let cursor: string | null = ""; cursor !== null;) {
        const page = (await (await send("GET", `${base}/sessions?${query.toString()}`)).json()) as Page;
        found.push(...page.sessions);
        cursor = page.cursor;
        if (cursor !== null) query.set("cursor", cursor);
      }
      return found;
    },
    endUser: (user, onEnded) => end(`${userPath(user.subject)}?${issuerQuery(user.issuer)}`, onEnded),
    endProviderSession: ({ issuer: of, providerSid }, onEnded) =>
      end(`${base}/provider-sessions/${encodeURIComponent(providerSid)}/sessions?${issuerQuery(of)}`, onEnded),
    async endAll(onEnded) {
      const response = await send("DELETE", `${base}/sessions?confirm=all`, { accept: "application/x-ndjson" });
      await readProgress(response, onEnded);
    },
    endAtProvider: endsAtProvider
      ? async ({ issuer: of, subject }) => {
          const query = `${issuerQuery(of)}&atProvider=true`;
          return send("DELETE", `${userPath(subject)}?${query}`).then(
            () => undefined,
            (error: Error) => error.message,
          );
        }
      : undefined,
    // The gateway writes it.
    audit: () => undefined,
    deleteOldFormat: () => Promise.reject(new UsageError("delete-old-format works on the session store only.")),
    explain: async () => ({ code: 0, text: undefined }),
  };
}

type Page = { sessions: SessionDescription[]; cursor: string | null };
type ProgressLine = { ended: number; complete: boolean } | AdminProblem;

const issuerQuery = (issuer: string): string => new URLSearchParams({ issuer }).toString();

/** @throws TargetError if the last line is a problem, or missing */
async function readProgress(response: Response, onEnded: OnEnded): Promise<void> {
  let total = 0;
  let isComplete = false;
  for await (const line of linesOf(response)) {
    const progress = JSON.parse(line) as ProgressLine;
    onEnded((progress.ended ?? total) - total);
    total = progress.ended ?? total;
    if ("code" in progress) throw problemError(progress, ADMIN_ERRORS[progress.code].status);
    isComplete = progress.complete;
  }
  if (!isComplete)
    throw new TargetError("The gateway closed the connection. Repeat the command; it is idempotent.", true);
}

async function* linesOf({ body }: Response): AsyncIterable<string> {
  let rest = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body ?? []) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch {
    // The connection was lost: the caller misses the last line.
  }
}
