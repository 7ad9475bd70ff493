// The key `bearer` of an upstream row: how access tokens of machine clients are validated (RFC 9068, RFC 7662, RFC 9449).
import { z } from "zod";
import { isLoopbackUrl } from "../lib/host.ts";

/** Signature algorithms with a public key. `none` and HMAC (HS256) are never accepted: any holder of the key could sign. */
export const BEARER_ALGORITHMS = [
  ...(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const),
  ...(["ES256", "ES384", "ES512", "EdDSA", "Ed25519"] as const),
] as const;

const name = z
  .string("must be a string")
  .min(1, "must not be empty")
  .max(2_048, "must have at most 2048 characters")
  .refine((value) => value.trim() === value, "must not begin or end with a blank");

/** A text is a list of one. */
const oneOrSeveral = z.preprocess(
  (value) => (typeof value === "string" ? [value] : value),
  z.array(name, { error: "must be a string or a list of strings" }).min(1, "must not be an empty list"),
);

/** Keys and introspection responses decide who is let in, so they are not read in clear text. */
const safeUrl = z.url({ protocol: /^https?$/, error: "must be an https:// URL" }).refine((value) => {
  if (!URL.canParse(value)) return true;
  const { protocol, username, password, hash } = new URL(value);
  return (protocol === "https:" || isLoopbackUrl(value)) && username === "" && password === "" && hash === "";
}, "must be https (http only on loopback), without credentials and fragment");

const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}, without quotes`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

const flag = z.boolean({ error: "must be true or false, without quotes" });

const introspection = z.strictObject(
  {
    tokens: z.enum(["opaque", "all"], { error: "must be opaque or all" }).default("opaque"),
    endpoint: safeUrl.optional(),
    cacheSeconds: whole(0, 300).default(30),
  },
  { error: 'must be an object, e.g. {} or { "tokens": "all" }' },
);

export const BEARER_ROW = z.strictObject(
  {
    audience: oneOrSeveral.optional(),
    clientIds: oneOrSeveral.optional(),
    issuer: name.optional(),
    jwksUri: safeUrl.optional(),
    algorithms: z
      .array(
        z.enum(BEARER_ALGORITHMS, {
          error: `must be an asymmetric algorithm: ${BEARER_ALGORITHMS.join(", ")}`,
        }),
        { error: "must be a list" },
      )
      .min(1, "must name at least one algorithm")
      .default([...BEARER_ALGORITHMS]),
    typ: z.enum(["required", "optional"], { error: "must be required or optional" }).default("required"),
    clockSkewSeconds: whole(0, 300).default(30),
    introspection: introspection.optional(),
    dpop: z.enum(["optional", "required"], { error: "must be optional or required" }).default("optional"),
    forwardProof: flag.default(false),
  },
  { error: 'must be an object, e.g. { "audience": "https://api.example.com" }' },
);

export type BearerConfig = Readonly<z.output<typeof BEARER_ROW>>;

/** Shown in docs/reference/upstreams.md. */
export const BEARER_DESCRIPTION =
  "rows with `access: bearer` or `session-or-bearer`: how access tokens of clients are validated, an object. `audience`: a string or a list, of which the token must name one; required unless `clientIds` (allowed `client_id` or `azp`) is set · `issuer` and `jwksUri`: another provider than that of OIDC_ISSUER · `algorithms`: accepted signature algorithms · `typ`: `required` (`at+jwt`), or `optional` for providers whose access tokens have `JWT` · `clockSkewSeconds` · `introspection` (RFC 7662): `{ tokens: opaque or all, endpoint, cacheSeconds }` · `dpop`: `required` rejects tokens without a key · `forwardProof`: also send the client's DPoP proof to the upstream. See [machine clients](../guides/machine-clients.md)";

export function acceptsBearer(access: string): boolean {
  return access === "bearer" || access === "session-or-bearer";
}

/** @returns one sentence per rule that involves several keys, each after the key that it concerns */
export function bearerRowErrors(row: {
  access: string;
  bearer?: BearerConfig | undefined;
}): (readonly [key: string, message: string])[] {
  const { access, bearer } = row;
  if (!acceptsBearer(access))
    return bearer === undefined
      ? []
      : [["bearer", `has no effect with access ${access}. Set access to bearer or session-or-bearer, or remove it`]];
  if (bearer === undefined)
    return [["bearer", `is required by access ${access}, e.g. { "audience": "https://api.example.com" }`]];
  const faults: (readonly [string, string])[] = [];
  if (bearer.audience === undefined && bearer.clientIds === undefined)
    faults.push([
      "bearer.audience",
      "is required: without it a token for any other API of the provider would be accepted. Set it to the audience of this API, or set bearer.clientIds if the provider's tokens have no aud",
    ]);
  if (bearer.issuer !== undefined && bearer.jwksUri === undefined)
    faults.push([
      "bearer.jwksUri",
      "is required by bearer.issuer: the keys of that issuer. Remove both for the provider of OIDC_ISSUER",
    ]);
  if (bearer.issuer !== undefined && bearer.introspection !== undefined && bearer.introspection.endpoint === undefined)
    faults.push([
      "bearer.introspection.endpoint",
      "is required by bearer.issuer: the client's credentials of OIDC_ISSUER are sent only to an endpoint that is named. Set it, or remove introspection",
    ]);
  return faults;
}
