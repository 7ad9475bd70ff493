// The user as the pages show it; hidden characters: sanitize-text.test.ts.
import { expect, test } from "vitest";
import { parseUser } from "../src/session/user.ts";

test.each([
  [{ sub: "u", name: "Alice", preferred_username: "alice" }, "Alice"],
  [{ sub: "u", name: " ", preferred_username: "alice" }, "alice"],
  [{ sub: "u", email: "a@example.com" }, "a@example.com"],
  [{ sub: "u" }, "u"],
])("the name of %j is %j", (claims, displayName) => {
  expect(parseUser(claims).displayName).toBe(displayName);
});

test("a user whose roles are not a list has none", () => {
  const claims = JSON.parse('{ "sub": "u", "roles": "admin" }') as { sub: string };
  expect(parseUser(claims).roles).toEqual([]);
});
