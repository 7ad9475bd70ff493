// Malformed language tags, on which Intl throws, are dropped.
import { expect, test } from "vitest";
import { userLocales } from "../src/components/user-locales.ts";

test.each([
  [
    ["de-CH", "en"],
    ["de-CH", "en"],
  ],
  // WebKitGTK in the locale C.UTF-8.
  [["C"], []],
  [["en_US.UTF-8", "", "en-US"], ["en-US"]],
  [[], []],
])("of the languages %j, Intl gets %j", (languages, locales) => {
  expect(userLocales(languages)).toEqual(locales);
  expect(new Intl.DateTimeFormat(userLocales(languages)).format(0)).not.toBe("");
});
