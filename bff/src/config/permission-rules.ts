// Row keys about claims and the authentication: `requiredClaims`, `requiredAcr` and `maxAuthenticationAgeSeconds`. Evaluated
// by proxy/permission.ts.
import { z } from "zod";
import type { ClaimPath } from "../lib/claim-path.ts";
import { claimName, pathOf } from "./identity-headers.ts";

export type ClaimValue = string | number | boolean;

export type ClaimRule = Readonly<{
  path: ClaimPath;
  /** The claim, or an element of it, is one of them. */
  values: ReadonlySet<ClaimValue>;
}>;

const RULE = 'must be a rule such as { "claim": "tier", "values": ["gold", "silver"] }';
/** As many as `acr_values` of /bff/login accepts; see lib/login-parameter-shapes.ts. */
const MAX_ACR_VALUES = 5;
const YEAR_SECONDS = 31_536_000;
const AGE_RULE = `must be a whole number of seconds from 1 to ${YEAR_SECONDS}, without quotes`;

const isDistinct = (list: readonly unknown[]): boolean => new Set(list).size === list.length;

const value = z.union([z.string().min(1, "must not be empty"), z.number(), z.boolean()], {
  error: "must be a text, a number, true or false: objects and lists cannot be compared",
});

/** The error for an empty list of requirements, which would permit every user. */
export const atLeastOne = (what: string): string => `must list at least one ${what}. Remove it if none is required`;

export const REQUIRED_CLAIMS = z
  .array(
    z.strictObject(
      {
        claim: claimName,
        values: z
          .array(value, { error: 'must be a list of values, such as ["gold", "silver"]' })
          .min(1, "must list at least one value: no claim could satisfy the rule")
          .refine(isDistinct, "lists a value twice. Keep it once"),
      },
      { error: RULE },
    ),
    { error: "must be a list of rules" },
  )
  .min(1, atLeastOne("rule"));

export const REQUIRED_ACR = z
  .array(
    z
      .string("must be a value of the claim acr, in quotes")
      .regex(/^[\w.:/-]{1,128}$/, "must be at most 128 letters, digits and characters of _ . : / -"),
    { error: 'must be a list of values of the claim acr, such as ["2"]' },
  )
  .min(1, atLeastOne("value"))
  .max(MAX_ACR_VALUES, `must list at most ${MAX_ACR_VALUES} values`)
  .refine(isDistinct, "lists a value twice. Keep it once");

export const MAX_AUTHENTICATION_AGE = z
  .int({ error: AGE_RULE })
  .min(1, { error: AGE_RULE })
  .max(YEAR_SECONDS, { error: AGE_RULE });

export function readClaimRules(
  entries: z.output<typeof REQUIRED_CLAIMS>,
  fault: (key: string, message: string, members: readonly PropertyKey[]) => void,
): readonly ClaimRule[] {
  const rules: ClaimRule[] = [];
  const seen = new Map<string, number>();
  entries.forEach(({ claim, values }, at) => {
    const path = pathOf(claim, "Use one rule for each claim");
    const members = ["requiredClaims", at, "claim"];
    if ("fault" in path) return fault(`requiredClaims[${at + 1}].claim`, path.fault, members);
    const text = JSON.stringify([path.names, values.map((each) => JSON.stringify(each)).toSorted()]);
    const other = seen.get(text);
    if (other !== undefined)
      return fault(`requiredClaims[${at + 1}]`, `repeats rule ${other}. Keep one`, members.slice(0, 2));
    seen.set(text, at + 1);
    rules.push({ path, values: new Set(values) });
  });
  return rules;
}
