import { expect, test } from "vitest";
import { looksLikeToken } from "../src/pages/under-the-hood/token-pattern.ts";

const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1LTEifQ.c2lnbmF0dXJl";

test.each([
  jwt,
  `{"a":"${jwt}"}`,
  "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXYxMjM0NTY.Y2lwaGVy.dGFn",
  "Bearer 2YotnFZFEjr1zCsicMWpAA",
  '"refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA"',
  "access_token=tGzv3JOkF0XG5Qx2TlKWIA",
])("the text %s is detected as a token", (text) => expect(looksLikeToken(text)).toBe(true));

test.each([
  "",
  "application/json",
  "k3x9Qw7ZpLm2Vt0B",
  "2026-01-01T00:00:00.000Z",
  '{"token":false}',
  "/assets/index-DEOeXLZo.js",
  "token_type=Bearer",
])("the text %j is not detected as a token", (text) => expect(looksLikeToken(text)).toBe(false));
