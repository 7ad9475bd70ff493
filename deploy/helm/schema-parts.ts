// JSON Schema (draft-07) of the kinds of values of the Helm chart.

export type Schema = Readonly<Record<string, unknown>>;

export const text = (description: string, pattern?: string): Schema => ({
  type: "string",
  description,
  ...(pattern === undefined ? {} : { pattern }),
});

export const flag = (description: string): Schema => ({ type: "boolean", description });

export const count = (description: string, minimum = 0): Schema => ({ type: "integer", minimum, description });

/** A Kubernetes quantity or duration: `500m`, `2Gi`, `30s`. */
export const quantity = (description: string): Schema => ({
  type: ["string", "integer"],
  pattern: "^\\d+(\\.\\d+)?[A-Za-z]*$",
  minimum: 1,
  description,
});

export const choice = (values: readonly string[], description: string): Schema => ({ enum: values, description });

/** Labels, annotations, node selectors: texts by name. */
export const labels = (description: string): Schema => ({
  type: "object",
  additionalProperties: { type: "string" },
  description,
});

/** A type of Kubernetes, which the API server validates. */
export const kubernetes = (type: "object" | "array", name: string): Schema => ({
  type,
  description: `Kubernetes ${name}.`,
  ...(type === "array" ? { items: { type: "object" } } : {}),
});

export const group = (description: string, properties: Readonly<Record<string, Schema>>): Schema => ({
  type: "object",
  additionalProperties: false,
  description,
  properties,
});

export const image = (description: string): Schema =>
  group(`${description}.`, {
    repository: text("Name with registry, without tag.", "^([a-z0-9][a-z0-9.-]*(:\\d+)?(/[a-z0-9][a-z0-9._-]*)*)?$"),
    tag: text("Tag."),
    digest: text("Digest; takes precedence over the tag.", "^(sha256:[a-f0-9]{64})?$"),
    pullPolicy: choice(["Always", "IfNotPresent", "Never"], "When the image is pulled."),
  });
