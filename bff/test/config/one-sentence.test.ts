// A wrong value of a row is one sentence, not one for each rule that it breaks.
import { expect, it } from "vitest";
import { faultsOf, MINIMAL } from "./file/config-files.ts";

it.each([
  "requiredAcr",
  "requiredClaims",
  "requiredRoles",
  "requiredScopes",
  "methods",
  "requestHeaders",
  "maxBodyBytes",
  "maxAuthenticationAgeSeconds",
  "encodedSlashes",
  "refreshOn401",
])("a value of %s with a wrong type is one sentence", (key) => {
  for (const value of ['""', "{}", '"a text"', "[[]]"]) {
    const row = `upstreams:\n  - prefix: /x\n    baseUrl: http://orders:8000\n    ${key}: ${value}\n`;
    const faults = faultsOf(MINIMAL + row);
    expect(faults, `${key}: ${value}`).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^10: upstreams\\[0\\]\\.${key}`));
  }
});
