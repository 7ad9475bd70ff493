// Shapes of the admin API's queries and responses: parse the queries, and describe both in the OpenAPI document.
import { z } from "zod";
import { ADMIN_ERRORS, type AdminErrorCode } from "./admin-errors.ts";

/** A sealed cursor; longer ones do not fit into a request's head. */
const MAX_CURSOR_CHARS = 12_000;
const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 50;

const issuer = z.url().optional().describe("Issuer of the user. Default: OIDC_ISSUER; required with OIDC_TENANTS");

export const LIST_QUERY = z
  .strictObject({
    user: z.string().min(1).optional().describe("Subject (claim `sub`) of one user"),
    providerSession: z.string().min(1).optional().describe("Session id (`sid`) at the provider"),
    issuer,
    device: z.string().min(1).max(100).optional().describe("Part of the device name, in any case"),
    limit: z
      .string()
      .regex(/^[1-9]\d{0,2}$/)
      .transform(Number)
      .refine((limit) => limit <= MAX_LIMIT)
      .default(DEFAULT_LIMIT)
      .describe(`Largest number of sessions in the page: 1 to ${MAX_LIMIT}, by default ${DEFAULT_LIMIT}`),
    cursor: z.string().max(MAX_CURSOR_CHARS).optional().describe("`cursor` of the previous page, with the same filter"),
  })
  .refine(({ user, providerSession }) => user === undefined || providerSession === undefined, {
    error: "user and providerSession exclude each other",
  });
export const NO_QUERY = z.strictObject({});
export const ISSUER_QUERY = z.strictObject({ issuer });
export const END_USER_QUERY = z.strictObject({
  issuer,
  atProvider: z.enum(["true", "false"]).default("false").describe("Also ends the user's sessions at Keycloak"),
});
export const END_ALL_QUERY = z.strictObject({
  confirm: z.string().optional().describe("Must be `all`"),
});

const count = z.int().min(0);
const time = z.iso.datetime();

export const APPLICATION = z
  .strictObject({
    id: z.string().describe("Application id (APP_ID)"),
    origin: z.string().describe("Public origin"),
    issuer: z.string().nullable().describe("Default issuer of users; null with OIDC_TENANTS"),
    endsAtProvider: z.boolean().describe("Whether `atProvider=true` is possible"),
    sessions: count.describe("Number of sessions"),
  })
  .meta({ id: "Application" });
export const APPLICATIONS = z.strictObject({ applications: z.array(APPLICATION) }).meta({ id: "Applications" });
export const SESSION = z
  .strictObject({
    id: z.string().describe("Public handle, as in the log. It does not authenticate"),
    issuer: z.string(),
    subject: z.string(),
    providerSession: z.string().nullable().describe("Hash of the provider's session id, as in the log"),
    device: z.string().nullable(),
    createdAt: time,
    lastUsedAt: time.nullable(),
    idleExpiresAt: time,
    expiresAt: time,
  })
  .meta({ id: "Session" });
export const SESSION_PAGE = z
  .strictObject({
    sessions: z.array(SESSION),
    cursor: z.string().nullable().describe("null: the list is complete. A page may be empty and not the last"),
  })
  .meta({ id: "SessionPage" });
export const ENDED = z
  .strictObject({ ended: count.describe("Number of sessions that this request has ended") })
  .meta({ id: "Ended" });
export const USER_ENDED = z
  .strictObject({
    ended: count.describe("Number of sessions that this request has ended"),
    provider: z.literal("ended").optional().describe("With `atProvider=true`: the sessions at Keycloak have ended"),
  })
  .meta({ id: "UserEnded" });
/** Lines of the response to DELETE …/sessions with `Accept: application/x-ndjson`. */
export const PROGRESS = z
  .strictObject({ ended: count, complete: z.boolean().describe("true in the last line") })
  .meta({ id: "Progress" });
export const PROBLEM = z
  .strictObject({
    type: z.literal("about:blank"),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(ADMIN_ERRORS) as [AdminErrorCode, ...AdminErrorCode[]]),
    requestId: z.string(),
    ended: count.optional().describe("Number of sessions that the request has ended before the error"),
  })
  .meta({ id: "Problem" });
