// What the pages say about a failed request.
import type { Failure, Problem } from "@cloakroom/client";
import { expect, test } from "vitest";
import { failureText } from "../src/components/failure-text.ts";

function failureOf(problem: Partial<Problem>): Failure {
  const none = {
    title: null,
    detail: null,
    code: null,
    reason: null,
    requestId: null,
    retryAfterMs: null,
    loginUrl: null,
  };
  return { kind: "problem", problem: { status: 500, ...none, ...problem } };
}

test.each([
  [0, "The response was a redirect, which this page does not follow"],
  [404, "There is nothing at this address"],
  [418, "The request was rejected"],
  [502, "The server could not process the request"],
])("a response with status %i and no title of its own gets a title", (status, title) => {
  expect(failureText(failureOf({ status })).title).toBe(title);
});

test("a response with a title of its own keeps it", () => {
  expect(failureText(failureOf({ status: 404, title: "No such order" })).title).toBe("No such order");
});

test("texts of an API lose hidden and bidirectional characters", () => {
  const failure = failureOf({ status: 400, title: "Bad \u202Erequest", detail: "line\nbreak\u200B" });
  expect(failureText(failure)).toEqual({ title: "Bad request", meaning: "line break" });
});

test("the detail of a 403 replaces the general explanation, other details do not", () => {
  const detail = "The role admin is missing.";
  expect(failureText(failureOf({ status: 403, code: "forbidden", detail })).meaning).toBe(detail);
  expect(failureText(failureOf({ status: 503, code: "overloaded", detail })).meaning).not.toBe(detail);
});

test.each(["constructor", "__proto__", "toString"])("the code %s of an API is not one of the gateway's", (code) => {
  const text = failureText(failureOf({ status: 418, code, detail: "No coffee" }));
  expect(text).toMatchObject({ title: "The request was rejected", meaning: "No coffee" });
});
