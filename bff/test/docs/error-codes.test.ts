// docs/reference/error-codes.md against the list in errors.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ERRORS } from "../../src/errors.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/reference/error-codes.md"), "utf8");
const documented = [...page.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \| .+ \| .+ \|$/gm)].map(([, code, status]) => ({
  code,
  status: Number(status),
}));

it("the error code reference lists every code once, with its status", () => {
  const byCode = (a: { code?: string }, b: { code?: string }) => (a.code ?? "").localeCompare(b.code ?? "");
  const codes = Object.entries(ERRORS).map(([code, { status }]) => ({ code, status }));
  expect(documented.toSorted(byCode)).toEqual(codes.toSorted(byCode));
});
