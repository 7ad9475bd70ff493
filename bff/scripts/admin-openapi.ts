// Generates docs/reference/admin-api.openapi.json (OpenAPI 3.1) from the routes and shapes of the admin API.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { ADMIN_ERRORS, type AdminErrorCode } from "../src/management/admin/admin-errors.ts";
import { ADMIN_ROUTES, type AdminRoute } from "../src/management/admin/admin-routes.ts";
import { PROBLEM, PROGRESS } from "../src/management/admin/admin-schemas.ts";

export const OPENAPI_FILE = join(ROOT, "docs", "reference", "admin-api.openapi.json");

/** Errors of every route. */
const COMMON_ERRORS: readonly AdminErrorCode[] = [
  ...(["request_malformed", "admin_token_rejected", "admin_browser_rejected", "method_not_allowed"] as const),
  ...(["admin_host_rejected", "too_many_requests", "internal"] as const),
  ...(["store_unavailable", "store_permission_missing"] as const),
];

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  application: "Application id (APP_ID)",
  session: "Public handle of the session",
  subject: "Subject (claim `sub`) of the user",
  providerSession: "Session id (`sid`) at the provider",
};

/** @returns codes that a response of the route may have */
export function errorsOf(route: AdminRoute): Set<AdminErrorCode> {
  return new Set([...COMMON_ERRORS, ...route.errors]);
}

type JsonSchema = Record<string, unknown>;

const definitions: Record<string, JsonSchema> = {};

/** The format says the same in fewer characters. */
function dropPattern(schema: { format?: string; pattern?: string }): void {
  if (schema.format === "date-time") delete schema.pattern;
}

/** Named shapes become components. */
function schemaOf(shape: z.ZodType, io: "input" | "output" = "output"): JsonSchema {
  const {
    $schema: _,
    $defs = {},
    ...schema
  } = z.toJSONSchema(shape, { io, override: ({ jsonSchema }) => dropPattern(jsonSchema) }) as JsonSchema & {
    $defs?: Record<string, JsonSchema>;
  };
  const text = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll("#/$defs/", "#/components/schemas/"));
  for (const [name, { id: _id, ...definition }] of Object.entries($defs))
    definitions[name] = text(definition) as JsonSchema;
  return text(schema) as JsonSchema;
}

function parametersOf({ path, query }: AdminRoute): object[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const { properties = {}, required = [] } = schemaOf(query, "input") as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return [
    ...names.map((name) => ({
      ...{ name, in: "path", required: true, description: PATH_PARAMETERS[name] },
      schema: { type: "string" },
    })),
    ...Object.entries(properties).map(([name, { description, ...schema }]) => ({
      ...{ name, in: "query", required: required.includes(name), description, schema },
    })),
  ];
}

function problemsOf(route: AdminRoute): Record<string, object> {
  const byStatus = new Map<number, AdminErrorCode[]>();
  for (const code of errorsOf(route)) {
    const { status } = ADMIN_ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const responses = [...byStatus]
    .toSorted(([one], [other]) => one - other)
    .map(([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => `\`${code}\`: ${ADMIN_ERRORS[code].detail}`).join(" "),
        content: { "application/problem+json": { schema: schemaOf(PROBLEM) } },
      },
    ]);
  return Object.fromEntries(responses) as Record<string, object>;
}

function operationOf(route: AdminRoute): object {
  const progress = route.hasProgress === true ? { "application/x-ndjson": { schema: schemaOf(PROGRESS) } } : {};
  return {
    operationId: route.id,
    summary: route.summary,
    parameters: parametersOf(route),
    responses: {
      "200": { description: "OK", content: { "application/json": { schema: schemaOf(route.response) }, ...progress } },
      ...problemsOf(route),
    },
  };
}

export function adminOpenApi(): string {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ADMIN_ROUTES)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  const document = {
    openapi: "3.1.0",
    info: {
      title: "Cloakroom admin API",
      version: "1",
      description: "On the management listener, with ADMIN_TOKEN. See admin-api.md.",
    },
    servers: [{ url: "http://127.0.0.1:9000" }],
    security: [{ adminToken: [] }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(definitions).toSorted(([one], [other]) => (one < other ? -1 : 1))),
      securitySchemes: { adminToken: { type: "http", scheme: "bearer" } },
    },
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

if (import.meta.main) writeFileSync(OPENAPI_FILE, adminOpenApi());
