// OpenAPI 3.1 document. A test compares it with the routes.
import {
  AUTH_ERRORS,
  components,
  echo,
  json,
  problem,
  publicOperation,
  query,
  response,
  wholeNumber,
} from "./openapi-components.ts";

const streams = {
  "/events": {
    get: {
      operationId: "streamEvents",
      tags: ["Streams"],
      summary: "Numbered server-sent events until the client disconnects",
      parameters: [
        query("intervalMs", { ...wholeNumber(10, 60_000), default: 1_000 }, "Milliseconds between two events"),
        query("count", wholeNumber(1, 1_000_000), "Number of events after which the stream ends"),
        { name: "Last-Event-ID", in: "header", schema: { type: "integer" }, description: "Resumes after this number" },
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
      summary: "WebSocket echo that prefixes text messages with the user's name",
      responses: {
        101: { description: "The WebSocket is open" },
        426: problem("Not a WebSocket handshake"),
        ...AUTH_ERRORS,
      },
    },
  },
  "/upload": {
    post: {
      operationId: "upload",
      tags: ["Bodies and headers"],
      summary: "Counts and hashes a body of any size without storing it",
      requestBody: { required: true, content: { "*/*": { schema: { type: "string", format: "binary" } } } },
      responses: {
        200: {
          description: "Size and hash of the body",
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
      summary: "Streams the requested number of bytes; byte i is i modulo 251",
      parameters: [
        query("bytes", wholeNumber(0, 16 * 1024 ** 3), "Number of bytes", true),
        { name: "Range", in: "header", schema: { type: "string" }, description: "One byte range" },
      ],
      responses: {
        200: { description: "The whole body", content: { "application/octet-stream": {} } },
        206: { description: "The requested range", content: { "application/octet-stream": {} } },
        400: response("BadRequest"),
        416: problem("The range is outside of the body"),
        ...AUTH_ERRORS,
      },
    },
  },
  "/slow": {
    get: {
      operationId: "slow",
      tags: ["Streams"],
      summary: "Responds after a delay",
      parameters: [query("ms", wholeNumber(0, 120_000), "Milliseconds to wait", true)],
      responses: {
        200: {
          description: "The time waited",
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

const authorization = {
  "/protected": {
    get: {
      operationId: "protected",
      tags: ["Authorization"],
      summary: "Returns the message and the caller's claims",
      parameters: [
        query("message", { type: "string", minLength: 1, maxLength: 200 }, "Returned with Received appended", true),
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
      tags: ["Authorization"],
      summary: "Requires the role admin",
      responses: {
        200: {
          description: "The roles of the caller",
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
      tags: ["Authorization"],
      summary:
        "Requires a second factor at most 15 minutes ago; other logins get 401 with the required level (RFC 9470)",
      parameters: [
        query("message", { type: "string", minLength: 1, maxLength: 200 }, "Returned with Received appended", true),
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
      tags: ["Authorization"],
      summary: "Requires the department engineering",
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
    description: "A protected API: every request carries an access token of the user on whose behalf it is made.",
  },
  servers: [{ url: "/" }],
  security: [{ bearer: [] }],
  tags: [{ name: "Authorization" }, { name: "Streams" }, { name: "Bodies and headers" }, { name: "Public" }],
  paths: {
    ...authorization,
    ...streams,
    "/health": {
      get: publicOperation(
        "health",
        "Whether the API runs",
        json({ type: "object", properties: { status: { const: "ok" } } }),
      ),
    },
    "/openapi.json": { get: publicOperation("openapi", "This document", json({ type: "object" })) },
    "/docs": { get: publicOperation("docs", "This document in Swagger UI", { "text/html": {} }) },
    "/redoc": { get: publicOperation("redoc", "This document in ReDoc", { "text/html": {} }) },
    "/favicon.ico": { get: publicOperation("favicon", "The icon", { "image/svg+xml": {} }) },
  },
  components,
} as const;
