// Reading cookies, without request validation before it.
import { describe, expect, it } from "vitest";
import { cookieValue, duplicateCookieNames, sessionIdFrom, SESSION_COOKIE } from "../../src/session/cookies.ts";
import { newSessionId } from "../../src/session/session.ts";
import { COOKIE_ROWS } from "../support/cookie-rows.ts";

describe.each(COOKIE_ROWS)("%s", (_title, header, outcome) => {
  const [own, planted] = [newSessionId(), newSessionId()];
  // Node joins several Cookie headers in this way.
  const joined = [header({ name: SESSION_COOKIE, planted, own })].flat().join("; ");

  it("the parser of the session cookie yields the browser's own session id or none", () => {
    expect(sessionIdFrom(joined)).toBe(outcome === "own" ? own : undefined);
    expect(duplicateCookieNames(joined)).toEqual(outcome === "duplicate" ? [SESSION_COOKIE] : []);
  });
});

it("duplicates of other applications' cookies are ignored", () => {
  const id = newSessionId();
  const header = `theme=a; theme=b; __Host-Http-other=1; __Host-Http-other=2; __Host-Http-login-x=1; __Host-Http-login-x=2; ${SESSION_COOKIE}=${id}`;
  expect(duplicateCookieNames(header)).toEqual([]);
  expect(sessionIdFrom(header)).toBe(id);
});

it("a cookie value is not unquoted or decoded", () => {
  expect(cookieValue('a="x"; b=%41; c=x=y; d=', "a")).toBe('"x"');
  expect(cookieValue('a="x"; b=%41; c=x=y; d=', "b")).toBe("%41");
  expect(cookieValue('a="x"; b=%41; c=x=y; d=', "c")).toBe("x=y");
  expect(cookieValue('a="x"; b=%41; c=x=y; d=', "d")).toBe("");
});
