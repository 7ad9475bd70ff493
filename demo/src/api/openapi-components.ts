// Shared parts of the OpenAPI document: responses, schemas, security scheme and helpers.

export const json = (schema: object) => ({ "application/json": { schema } });
export const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
});
export const response = (name: string) => ({ $ref: `#/components/responses/${name}` });

export const AUTH_ERRORS = { 401: response("Unauthorized"), 503: response("ProviderUnavailable") };

export const query = (name: string, schema: object, description: string, required = false) => ({
  name,
  in: "query",
  required,
  description,
  schema,
});

export const wholeNumber = (minimum: number, maximum: number) => ({ type: "integer", minimum, maximum });

export const echo = (operationId: string) => ({
  operationId,
  tags: ["Bodies and headers"],
  summary: "Returns the request as received, without the token",
  responses: {
    200: { description: "The request as seen by the API", content: json({ $ref: "#/components/schemas/Echo" }) },
    ...AUTH_ERRORS,
  },
});

export const publicOperation = (operationId: string, summary: string, content: object) => ({
  operationId,
  tags: ["Public"],
  summary,
  security: [],
  responses: { 200: { description: "OK", content } },
});

const schemas = {
  Problem: {
    type: "object",
    description: "RFC 9457 problem details",
    required: ["type", "title", "status", "code", "detail"],
    properties: {
      type: { type: "string" },
      title: { type: "string" },
      status: { type: "integer" },
      code: { type: "string", description: "Stable error code" },
      detail: { type: "string" },
    },
  },
  Claims: { type: "object", required: ["sub"], properties: { sub: { type: "string" } }, additionalProperties: true },
  Echo: {
    type: "object",
    properties: {
      method: { type: "string" },
      url: { type: "string" },
      path: { type: "string" },
      query: { type: "object", additionalProperties: true },
      headers: { type: "object", additionalProperties: true },
      authorization: {
        type: "object",
        properties: { present: { type: "boolean" }, sub: { type: "string" } },
      },
      bodyBytes: { type: "integer" },
    },
  },
};

export const components = {
  securitySchemes: {
    bearer: {
      type: "http",
      scheme: "bearer",
      bearerFormat: "JWT",
      description: "An access token of the provider (RFC 9068), issued for this API's audience",
    },
  },
  responses: {
    BadRequest: problem("A parameter is missing, repeated or out of bounds"),
    Unauthorized: {
      ...problem("No token, or an invalid one"),
      headers: { "WWW-Authenticate": { schema: { type: "string" }, description: "RFC 6750 §3" } },
    },
    Forbidden: problem("The token is valid but lacks the required privileges"),
    ProviderUnavailable: {
      ...problem("The provider's keys cannot be fetched, so the token cannot be validated"),
      headers: { "Retry-After": { schema: { type: "integer" } } },
    },
  },
  schemas,
} as const;
