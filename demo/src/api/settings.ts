// Environment variables → options of the API. Reports all invalid settings at once.
import { z } from "zod";
import type { ApiOptions } from "./start-resource-api.ts";

const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" });

const SETTINGS = {
  API_HOST: z.string().default("127.0.0.1"),
  API_PORT: z
    .string()
    .regex(/^\d{1,5}$/, "must be a port number")
    .transform(Number)
    .refine((port) => port <= 65_535, "must be a port number")
    .default(8000),
  API_ISSUER: httpUrl,
  API_AUDIENCE: z.string().min(1).default("http://localhost:8000"),
  API_JWKS_URL: httpUrl.optional(),
  API_ROLES_CLAIM: z
    .string()
    .regex(/^[\w-]+(\.[\w-]+)*$/, "must be a claim name; dots separate nested members, e.g. realm_access.roles")
    .default("roles"),
  API_TOKEN_TYPES: z
    .string()
    .transform((list) => list.split(",").map((type) => type.trim()))
    .default(["at+jwt", "JWT"]),
};

type Environment = Readonly<Record<string, string | undefined>>;
type LoadedSettings = { settings: ApiOptions } | { errors: string[] };

/** Empty values count as unset. */
export function loadApiSettings(env: Environment): LoadedSettings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = z.object(SETTINGS).safeParse(given);
  if (!parsed.success)
    return {
      errors: parsed.error.issues.map(({ path, message }) => {
        const name = path.join(".");
        return given[name] === undefined ? `${name} is required: the provider's issuer.` : `${name} ${message}.`;
      }),
    };
  const { API_HOST, API_PORT, API_ISSUER, API_AUDIENCE, API_JWKS_URL, API_ROLES_CLAIM, API_TOKEN_TYPES } = parsed.data;
  return {
    settings: {
      host: API_HOST,
      port: API_PORT,
      issuer: API_ISSUER,
      audience: API_AUDIENCE,
      rolesClaim: API_ROLES_CLAIM,
      tokenTypes: API_TOKEN_TYPES,
      ...(API_JWKS_URL === undefined ? {} : { jwksUrl: API_JWKS_URL }),
    },
  };
}
