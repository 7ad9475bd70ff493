import { describe, expect, it } from "vitest";
import { decideNavigation, type Marker } from "../../src/http/page-navigation.ts";
import { readErrorPages } from "../../src/config/pages/error-pages.ts";
import { createPages } from "../../src/http/pages.ts";

const MARKERS: readonly (Marker | undefined)[] = [undefined, "refreshed", "logged-in", "logged-in-refreshed"];
const ALL = [true, false].flatMap((hasSessionCookie) =>
  MARKERS.flatMap((marker) => [true, false].map((isForeign) => ({ hasSessionCookie, marker, isForeign }))),
);

/** What the gateway does for a browser that never sends the session cookie and calls every navigation foreign, or none. */
function follow(isForeign: boolean, isSession: boolean): string[] {
  const steps: string[] = [];
  let marker: Marker | undefined;
  for (let step = 0; step < 10; step++) {
    const { action, mayLogIn } = decideNavigation({ hasSessionCookie: false, marker, isForeign });
    if (action === "refresh") {
      steps.push("refresh");
      marker = marker === "logged-in" ? "logged-in-refreshed" : "refreshed";
    } else if (!isSession) return [...steps, "anonymous page"];
    else if (mayLogIn) {
      steps.push("login");
      marker = "logged-in";
    } else return [...steps, "error page"];
  }
  return [...steps, "loop"];
}

describe("decideNavigation", () => {
  it.each([
    [true, true, ["refresh", "login", "refresh", "error page"]],
    [false, true, ["login", "refresh", "error page"]],
    [true, false, ["refresh", "anonymous page"]],
    [false, false, ["anonymous page"]],
  ])("ends without a loop (foreign: %s, row with session: %s)", (isForeign, isSession, steps) => {
    expect(follow(isForeign, isSession)).toEqual(steps);
  });

  it.each(ALL.filter(({ hasSessionCookie }) => hasSessionCookie))(
    "forwards a navigation with a session cookie: %o",
    (state) => {
      expect(decideNavigation(state).action).toBe("forward");
    },
  );

  it.each(ALL.filter(({ marker }) => marker?.endsWith("refreshed")))("sends no second refresh page: %o", (state) => {
    expect(decideNavigation(state).action).toBe("forward");
  });
});

const pages = createPages({ ...readErrorPages(undefined), log: { error: () => undefined } });

it.each([
  ["de-AT, en;q=0.5", "de", "Die Seite wird geöffnet.", "Weiter"],
  ["fr, en;q=0.5", "en", "This page is being opened.", "Continue"],
  [undefined, "en", "This page is being opened.", "Continue"],
])("the refresh page follows Accept-Language: %s", (acceptLanguage, language, sentence, link) => {
  const { html, headers } = pages.refresh({ acceptLanguage }, "/orders?a=<b>&c");
  expect(html).toContain(`<html lang="${language}" dir="ltr">`);
  expect(html).toContain(`<p>${sentence} <a href="/orders?a=&lt;b&gt;&amp;c">${link}</a></p>`);
  expect(headers).toEqual(expect.arrayContaining(["Content-Language", language, "Vary", "Accept-Language"]));
});

it("the address of the refresh page is a page, for users who reload it while the page behind it is slow", () => {
  const [, address = ""] =
    /history\.replaceState\(null,"","([^"]+)"\)/.exec(pages.refresh({ acceptLanguage: undefined }, "/orders").html) ??
    [];
  // Below /bff it would be a 403 problem. Without a query it would be the same URL for the target `/`.
  expect(address).toMatch(/^\/\?/);
});
