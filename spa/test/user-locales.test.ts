// A browser may report languages that Intl refuses: the app must start all the same.
import { expect, test } from "vitest";
import { userLocales } from "../src/parts/user-locales.ts";

test.each([
  [
    ["de-CH", "en"],
    ["de-CH", "en"],
  ],
  // WebKitGTK in the locale C.UTF-8.
  [["C"], []],
  [["en_US.UTF-8", "", "en-US"], ["en-US"]],
  [[], []],
])("%j becomes %j, which Intl takes", (languages, locales) => {
  expect(userLocales(languages)).toEqual(locales);
  expect(new Intl.DateTimeFormat(userLocales(languages)).format(0)).not.toBe("");
});
