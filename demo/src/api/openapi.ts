// The API's description (OpenAPI 3.1). A test compares its paths with what the API answers.

import { AUTH_ERRORS, components, echo, json, open, problem, query, response, wholeNumber } from "./openapi-parts.ts";

const streams = {
  "/events": {
    get: {
      operationId: "streamEvents",
      tags: ["Streams"],
      summary: "Numbered server-sent events, until the reader leaves",
      parameters: [
        query("intervalMs", { ...wholeNumber(10, 60_000), default: 1_000 }, "Milliseconds between two events"),
        query("count", wholeNumber(1, 1_000_000), "Ends after so many events"),
        { name: "Last-Event-ID", in: "header", schema: { type: "integer" }, description: "Goes on after this number" },
      ],
      responses: {
        200: { description: "The stream", content: { "text/event-stream": { schema: { type: "string" } } } },
        400: response("BadRequest"),
        ...AUTH_ERRORS,
      },
    },
  },
  "/socket": {
    get: {
      operationId: "socket",
      tags: ["Streams"],
      summary: "A WebSocket that repeats what it is told and says who said it",
      responses: {
        101: { description: "The WebSocket is open" },
        426: problem("Not asked for as a WebSocket"),
        ...AUTH_ERRORS,
      },
    },
  },
  "/upload": {
    post: {
      operationId: "upload",
      tags: ["Bodies and headers"],
      summary: "Counts and hashes a body of any size without keeping it",
      requestBody: { required: true, content: { "*/*": { schema: { type: "string", format: "binary" } } } },
      responses: {
        200: {
          description: "What arrived",
          content: json({
            type: "object",
            required: ["bytes", "sha256", "contentType"],
            properties: {
              bytes: { type: "integer" },
              sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
              contentType: { type: ["string", "null"] },
            },
          }),
        },
        413: problem("The body is larger than accepted"),
        ...AUTH_ERRORS,
      },
    },
  },
  "/download": {
    get: {
      operationId: "download",
      tags: ["Bodies and headers"],
      summary: "Streams as many bytes as wanted; byte i is i modulo 251",
      parameters: [
        query("bytes", wholeNumber(0, 16 * 1024 ** 3), "How many", true),
        { name: "Range", in: "header", schema: { type: "string" }, description: "One byte range" },
      ],
      responses: {
        200: { description: "All of them", content: { "application/octet-stream": {} } },
        206: { description: "The range", content: { "application/octet-stream": {} } },
        400: response("BadRequest"),
        416: problem("The range lies outside"),
        ...AUTH_ERRORS,
      },
    },
  },
  "/slow": {
    get: {
      operationId: "slow",
      tags: ["Streams"],
      summary: "Answers after a while",
      parameters: [query("ms", wholeNumber(0, 120_000), "Milliseconds to wait", true)],
      responses: {
        200: {
          description: "Waited",
          content: json({ type: "object", properties: { waitedMs: { type: "integer" } } }),
        },
        400: response("BadRequest"),
        ...AUTH_ERRORS,
      },
    },
  },
  "/echo": {
    get: echo("echoGet"),
    post: echo("echoPost"),
    put: echo("echoPut"),
    patch: echo("echoPatch"),
    delete: echo("echoDelete"),
  },
};

const decisions = {
  "/protected": {
    get: {
      operationId: "protected",
      tags: ["Decisions"],
      summary: "Answers a message and says who asked",
      parameters: [
        query("message", { type: "string", minLength: 1, maxLength: 200 }, "Comes back with Received added", true),
      ],
      responses: {
        200: {
          description: "The message and the caller's claims",
          content: json({
            type: "object",
            required: ["message", "user"],
            properties: { message: { type: "string" }, user: { $ref: "#/components/schemas/Claims" } },
          }),
        },
        400: response("BadRequest"),
        ...AUTH_ERRORS,
      },
    },
  },
  "/admin": {
    get: {
      operationId: "admin",
      tags: ["Decisions"],
      summary: "Only for the role admin",
      responses: {
        200: {
          description: "Welcome",
          content: json({
            type: "object",
            properties: { message: { type: "string" }, roles: { type: "array", items: { type: "string" } } },
          }),
        },
        403: response("Forbidden"),
        ...AUTH_ERRORS,
      },
    },
  },
  "/confidential": {
    get: {
      operationId: "confidential",
      tags: ["Decisions"],
      summary: "Only for a login with a second factor, at most 15 minutes ago; other logins are told so (RFC 9470)",
      parameters: [
        query("message", { type: "string", minLength: 1, maxLength: 200 }, "Comes back with Received added", true),
      ],
      responses: {
        200: {
          description: "The message and how the caller logged in",
          content: json({
            type: "object",
            required: ["message", "acr", "authTime"],
            properties: { message: { type: "string" }, acr: { type: "string" }, authTime: { type: "integer" } },
          }),
        },
        400: response("BadRequest"),
        ...AUTH_ERRORS,
      },
    },
  },
  "/department": {
    get: {
      operationId: "department",
      tags: ["Decisions"],
      summary: "Only for the department engineering",
      responses: {
        200: {
          description: "The department's notice",
          content: json({
            type: "object",
            properties: { department: { type: "string" }, message: { type: "string" } },
          }),
        },
        403: response("Forbidden"),
        ...AUTH_ERRORS,
      },
    },
  },
};

export const openApiDocument = {
  openapi: "3.1.0",
  info: {
    title: "Resource API",
    version: "0.1.0",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    description: "A protected service: every request carries the access token of the user it is made for.",
  },
  servers: [{ url: "/" }],
  security: [{ bearer: [] }],
  tags: [{ name: "Decisions" }, { name: "Streams" }, { name: "Bodies and headers" }, { name: "Open" }],
  paths: {
    ...decisions,
    ...streams,
    "/health": {
      get: open("health", "Whether the API runs", json({ type: "object", properties: { status: { const: "ok" } } })),
    },
    "/openapi.json": { get: open("openapi", "This description", json({ type: "object" })) },
    "/docs": { get: open("docs", "This description as Swagger UI", { "text/html": {} }) },
    "/redoc": { get: open("redoc", "This description as ReDoc", { "text/html": {} }) },
    "/favicon.ico": { get: open("favicon", "The icon", { "image/svg+xml": {} }) },
  },
  components,
} as const;
