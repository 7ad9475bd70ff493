// Routes of the admin API, each with its query, its response and its errors: the handlers and the OpenAPI document use the
// same table.
import type { z } from "zod";
import { GatewayError } from "../../errors.ts";
import type { Sealer } from "../../lib/encryption.ts";
import type { Administration } from "../../session/administration.ts";
import type { UserName } from "../../session/indexes.ts";
import type { PagePosition, SessionFilter } from "../../session/session-list.ts";
import { AdminError, type AdminErrorCode } from "./admin-errors.ts";
import * as shapes from "./admin-schemas.ts";

/** One application as the admin API sees it. */
export type AdminApplication = {
  id: string;
  origin: string;
  /** Default issuer of users; undefined with OIDC_TENANTS. */
  issuer: string | undefined;
  administration: Administration;
  /** Number of sessions; concurrent calls share one scan. */
  count: () => Promise<number>;
  /** Seals the cursors of lists. */
  sealer: Pick<Sealer, "seal" | "open">;
  /** Ends the user's sessions at Keycloak; undefined if not configured. @throws GatewayError provider_unavailable */
  endAtProvider: ((user: UserName) => Promise<void>) | undefined;
};

type Call<Query> = {
  applications: readonly AdminApplication[];
  application: AdminApplication;
  /** Decoded values of the other path parameters. */
  params: Readonly<Record<string, string>>;
  query: Query;
  onEnded: (count: number) => void;
  /** Writes the audit line of an end. */
  audit: (reason: string, subject?: string) => void;
};

type RouteOf<Query extends z.ZodType> = {
  method: "GET" | "DELETE";
  /** Segments in braces are parameters. */
  path: string;
  id: string;
  summary: string;
  query: Query;
  response: z.ZodType;
  /** In addition to those of every route. */
  errors: readonly AdminErrorCode[];
  /** Whether `Accept: application/x-ndjson` selects a response with a line for each step. */
  hasProgress?: true;
  handle: (call: Call<z.output<Query>>) => Promise<object>;
};
export type AdminRoute = RouteOf<z.ZodType>;

/** Keeps the type of the query in `handle`. */
const route = <Query extends z.ZodType>(definition: RouteOf<Query>): AdminRoute => definition as unknown as AdminRoute;

const SESSIONS = "/admin/applications/{application}/sessions";

export const ADMIN_ROUTES: readonly AdminRoute[] = [
  route({
    ...{ method: "GET", path: "/admin/applications", id: "listApplications" },
    summary: "Lists the applications with their numbers of sessions",
    ...{ query: shapes.NO_QUERY, response: shapes.APPLICATIONS, errors: [] },
    async handle({ applications }) {
      const described: object[] = [];
      // One after the other: each count scans the store.
      for (const each of applications) described.push(await describeApplication(each));
      return { applications: described };
    },
  }),
  route({
    ...{ method: "GET", path: "/admin/applications/{application}", id: "getApplication" },
    summary: "One application with its number of sessions",
    ...{ query: shapes.NO_QUERY, response: shapes.APPLICATION, errors: ["not_found"] },
    handle: ({ application }) => describeApplication(application),
  }),
  route({
    ...{ method: "GET", path: SESSIONS, id: "listSessions" },
    summary: "Lists sessions: of a user or a session of the provider newest first, otherwise in no order",
    ...{ query: shapes.LIST_QUERY, response: shapes.SESSION_PAGE, errors: ["not_found"] },
    async handle({ application, query }) {
      const filter = filterOf(application, query);
      const position = query.cursor === undefined ? undefined : openCursor(application, query.cursor, filter);
      const { sessions, next } = await application.administration.page({ filter, limit: query.limit, position });
      return { sessions, cursor: next === undefined ? null : sealCursor(application, next, filter) };
    },
  }),
  route({
    ...{ method: "DELETE", path: SESSIONS, id: "endAllSessions", hasProgress: true },
    summary: "Ends all sessions of the application that began before the request",
    query: shapes.END_ALL_QUERY,
    ...{ response: shapes.ENDED, errors: ["not_found", "confirmation_required"] },
    async handle({ application, query, onEnded, audit }) {
      if (query.confirm !== "all") throw new AdminError("confirmation_required");
      return audited(
        () => application.administration.endAll(onEnded),
        () => audit("end-all"),
      );
    },
  }),
  route({
    ...{ method: "GET", path: `${SESSIONS}/{session}`, id: "getSession" },
    summary: "One session by its public handle",
    ...{ query: shapes.NO_QUERY, response: shapes.SESSION, errors: ["not_found"] },
    async handle({ application, params }) {
      const found = await application.administration.find(params["session"] ?? "");
      if (found === undefined) throw new AdminError("not_found", { detail: NO_SESSION });
      return found;
    },
  }),
  route({
    ...{ method: "DELETE", path: `${SESSIONS}/{session}`, id: "endSession" },
    summary: "Ends one session. May be repeated for 24 hours",
    ...{ query: shapes.NO_QUERY, response: shapes.ENDED, errors: ["not_found"] },
    async handle({ application, params, onEnded, audit }) {
      const end = async (): Promise<void> => {
        const isKnown = await application.administration.endOne(params["session"] ?? "", onEnded);
        if (!isKnown) throw new AdminError("not_found", { detail: NO_SESSION });
      };
      return audited(end, () => audit("end-session"));
    },
  }),
  route({
    ...{ method: "DELETE", path: "/admin/applications/{application}/users/{subject}/sessions", id: "endUserSessions" },
    summary: "Ends all sessions of a user, and rejects logins that the provider has granted before",
    ...{ query: shapes.END_USER_QUERY, response: shapes.USER_ENDED },
    errors: ["not_found", "provider_sessions_not_configured", "provider_sessions_not_ended"],
    async handle({ application, params, query, onEnded, audit }) {
      const user = { issuer: issuerOf(application, query.issuer), subject: params["subject"] ?? "" };
      const isAtProvider = query.atProvider === "true";
      const { endAtProvider } = application;
      if (isAtProvider && (endAtProvider === undefined || user.issuer !== application.issuer))
        throw new AdminError("provider_sessions_not_configured");
      await audited(
        () => application.administration.endUser(user, onEnded),
        () => audit("end-user", user.subject),
      );
      if (!isAtProvider || endAtProvider === undefined) return {};
      await endAtProvider(user).catch((error: unknown) => {
        throw error instanceof GatewayError ? new AdminError("provider_sessions_not_ended", { cause: error }) : error;
      });
      return { provider: "ended" };
    },
  }),
  route({
    method: "DELETE",
    path: "/admin/applications/{application}/provider-sessions/{providerSession}/sessions",
    id: "endSessionsOfProviderSession",
    summary: "Ends the sessions that began with one session of the provider",
    ...{ query: shapes.ISSUER_QUERY, response: shapes.ENDED, errors: ["not_found"] },
    async handle({ application, params, query, onEnded, audit }) {
      const target = { issuer: issuerOf(application, query.issuer), providerSid: params["providerSession"] ?? "" };
      const end = () => application.administration.endProviderSession(target, onEnded);
      return audited(end, () => audit("end-provider-session"));
    },
  }),
];

const NO_SESSION = "No session has this handle.";

/** Writes the audit line also if only some of the sessions ended. The response gets `ended` from the caller. */
async function audited(end: () => Promise<void>, audit: () => void): Promise<object> {
  try {
    await end();
  } catch (error) {
    if (!(error instanceof AdminError)) audit();
    throw error;
  }
  audit();
  return {};
}

async function describeApplication({ id, origin, issuer, endAtProvider, count }: AdminApplication) {
  return { id, origin, issuer: issuer ?? null, endsAtProvider: endAtProvider !== undefined, sessions: await count() };
}

function issuerOf({ issuer }: AdminApplication, requested: string | undefined): string {
  const found = requested ?? issuer;
  if (found === undefined)
    throw new AdminError("request_malformed", { detail: "issuer is required: the issuer of the user's tenant." });
  return found;
}

type ListQuery = z.output<typeof shapes.LIST_QUERY>;

function filterOf(application: AdminApplication, { user, providerSession, issuer, device }: ListQuery): SessionFilter {
  if (issuer !== undefined && user === undefined && providerSession === undefined)
    throw new AdminError("request_malformed", { detail: "issuer needs user or providerSession." });
  return {
    ...(user === undefined ? {} : { user: { issuer: issuerOf(application, issuer), subject: user } }),
    ...(providerSession === undefined
      ? {}
      : { providerSession: { issuer: issuerOf(application, issuer), providerSid: providerSession } }),
    ...(device === undefined ? {} : { device }),
  };
}

/** Sealed, because a position contains keys of sessions; for one filter of one application. */
function sealCursor({ sealer }: AdminApplication, position: PagePosition, filter: SessionFilter): string {
  return sealer.seal(JSON.stringify(position), JSON.stringify(filter));
}

function openCursor({ sealer }: AdminApplication, cursor: string, filter: SessionFilter): PagePosition {
  const opened = sealer.open(cursor, JSON.stringify(filter));
  if (opened === undefined)
    throw new AdminError("request_malformed", { detail: "cursor is not from a list with this filter." });
  return JSON.parse(opened) as PagePosition;
}
