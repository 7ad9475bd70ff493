// Query parameters with bounds. Duplicates are rejected: two parsers could use different values (parameter pollution).
import type { Context } from "koa";
import { ProblemError } from "./problem.ts";

const maxTextLength = 200;

/** @throws ProblemError 400 unless the parameter occurs once, with 1 to `maxTextLength` characters */
export function textParameter(ctx: Context, name: string): string {
  const value = ctx.query[name];
  if (typeof value !== "string" || value === "")
    throw new ProblemError(400, "parameter_missing", `Give ${name} once, with a value.`);
  if (value.length > maxTextLength)
    throw new ProblemError(400, "parameter_too_long", `${name} may have at most ${maxTextLength} characters.`);
  return value;
}

type Bounds = { min: number; max: number; default?: number };

/** @throws ProblemError 400 unless the parameter is a decimal integer within the bounds */
export function numberParameter(ctx: Context, name: string, bounds: Bounds): number {
  const value = ctx.query[name];
  if (value === undefined && bounds.default !== undefined) return bounds.default;
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= bounds.min && number <= bounds.max))
    throw new ProblemError(
      400,
      "parameter_invalid",
      `${name} must be a whole number from ${bounds.min} to ${bounds.max}.`,
    );
  return number;
}
