// docs/reference/error-codes.md against the list in errors.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ERRORS } from "../../src/errors.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/reference/error-codes.md"), "utf8");

it("the error code reference lists every code once, with its status", () => {
  const listed = [...page.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \| .+ \| .+ \|$/gm)].map(
    ([, code, status]) => `${code} ${status}`,
  );
  const codes = Object.entries(ERRORS).map(([code, { status }]) => `${code} ${status}`);
  expect(listed.toSorted()).toEqual(codes.toSorted());
});
