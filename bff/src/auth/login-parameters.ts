// Query parameters of /bff/login: an allow-list with a pattern per value. Any other parameter would let a link control the
// authorization request (parameter injection, nextjs-auth0 CVE-2025-67716).
import { GatewayError } from "../errors.ts";
import { LOGIN_SHAPES } from "../lib/login-parameter-shapes.ts";
import { returnPath } from "./return-path.ts";

export type LoginParameters = {
  returnPath: string;
  /** Parameters of the authorization request, unchanged. */
  extra: Record<string, string>;
  prompt?: string;
  acrValues?: string;
  maxAgeSeconds?: number;
};

const SHAPES: Readonly<Record<string, RegExp>> = LOGIN_SHAPES;

/** @throws GatewayError request_malformed for an unknown, repeated or invalid parameter */
export function parseLoginParameters(query: string, publicOrigin: string): LoginParameters {
  const parsed: LoginParameters = { returnPath: "/", extra: {} };
  const seen = new Set<string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (seen.has(name)) throw malformed(name, "occurs twice");
    seen.add(name);
    if (name === "returnTo") {
      const path = returnPath(value, publicOrigin);
      if (path === undefined) throw malformed(name, "is not a path of this application");
      parsed.returnPath = path;
      continue;
    }
    const shape = Object.hasOwn(SHAPES, name) ? SHAPES[name] : undefined;
    if (shape === undefined) throw malformed("a parameter", "is unknown");
    if (!shape.test(value)) throw malformed(name, "has an invalid value");
    parsed.extra[name] = value;
  }
  const { prompt, acr_values: acrValues, max_age: maxAge } = parsed.extra;
  if (prompt !== undefined) parsed.prompt = prompt;
  if (acrValues !== undefined) parsed.acrValues = acrValues;
  if (maxAge !== undefined) parsed.maxAgeSeconds = Number(maxAge);
  return parsed;
}

function malformed(name: string, problem: string): GatewayError {
  return new GatewayError("request_malformed", { reason: `login: ${name} ${problem}` });
}
