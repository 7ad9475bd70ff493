// What the API's description is made of: shared answers, schemas and the security scheme.

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
  summary: "Says what arrived here, without the token itself",
  responses: {
    200: { description: "The request as seen by the API", content: json({ $ref: "#/components/schemas/Echo" }) },
    ...AUTH_ERRORS,
  },
});

export const open = (operationId: string, summary: string, content: object) => ({
  operationId,
  tags: ["Open"],
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
      code: { type: "string", description: "Stable name of the refusal" },
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
    BadRequest: problem("A parameter is missing, given twice or out of bounds"),
    Unauthorized: {
      ...problem("No token, or one that is not accepted"),
      headers: { "WWW-Authenticate": { schema: { type: "string" }, description: "RFC 6750 §3" } },
    },
    Forbidden: problem("The token is good, but its bearer may not"),
    ProviderUnavailable: {
      ...problem("The provider's keys cannot be fetched, so nothing can be said about the token"),
      headers: { "Retry-After": { schema: { type: "integer" } } },
    },
  },
  schemas,
} as const;
