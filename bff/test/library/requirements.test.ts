// Requirements of a host route: validated by the schema of upstream rows, read once.
import { expect, it } from "vitest";
import { createRequirements } from "../../src/library/requirements.ts";
import type { SessionRequirements } from "../../src/library/types.ts";

const rowsOf = createRequirements();

it("no requirements mean a session and the strictest CSRF check", () => {
  const { session, token } = rowsOf({});
  expect(session).toMatchObject({ access: "session", csrf: "header", token: "none" });
  expect(token).toMatchObject({ access: "session", token: "user", tokenTarget: {} });
});

it("equal requirements are read once", () => {
  expect(rowsOf({ requiredRoles: ["a"] })).toBe(rowsOf({ requiredRoles: ["a"] }));
  expect(rowsOf({ requiredRoles: ["a"] })).not.toBe(rowsOf({ requiredRoles: ["b"] }));
});

it("the token of a route may have an audience", () => {
  const { session, token } = rowsOf({ audience: "orders", access: "optional" });
  expect([session.access, session.tokenTarget, token.access]).toEqual(["optional", {}, "session"]);
  expect(token.tokenTarget).toEqual({ audience: "orders" });
});

it.each<[unknown, RegExp]>([
  [{ access: "public" }, /access must be session or optional/],
  [{ access: "bearer" }, /access must be session or optional/],
  [{ csrf: "none" }, /csrf may not be none/],
  [{ csrf: "off" }, /csrf must be/],
  [{ requiredRole: ["admin"] }, /requiredRole is not a requirement/],
  [{ prefix: "/x" }, /prefix is not a requirement/],
  [{ token: "client" }, /token is not a requirement/],
  [{ requiredRoles: "admin" }, /requiredRoles must be a list/],
  [{ requiredRoles: [] }, /requiredRoles must list at least one role/],
  [{ requiredScopes: [] }, /requiredScopes must list at least one scope/],
  [{ requiredClaims: [] }, /requiredClaims must list at least one rule/],
  [{ requiredAcr: [] }, /requiredAcr must list at least one value/],
  [{ maxAuthenticationAgeSeconds: 0 }, /maxAuthenticationAgeSeconds must be a whole number/],
  [{ access: "optional", requiredRoles: ["admin"] }, /requiredRoles needs a session/],
])("%j throws one sentence", (requirements, sentence) => {
  expect(() => rowsOf(requirements as SessionRequirements)).toThrow(sentence);
  expect(() => rowsOf(requirements as SessionRequirements)).toThrow(TypeError);
});

class Clerks {
  get requiredRoles() {
    return ["clerk"];
  }
}

it.each<[string, unknown]>([
  ["inherited members", Object.create({ requiredRoles: ["clerk"] })],
  ["members of a class", new Clerks()],
  ["a Map", new Map([["requiredRoles", ["clerk"]]])],
  ["a function as a rule", { requiredRoles: () => ["clerk"] }],
  ["a symbol as a rule", { requiredAcr: Symbol("gold") }],
  ["a Set as a rule", { requiredRoles: new Set(["clerk"]) }],
  ["inherited members of a rule", { requiredClaims: [Object.create({ claim: "a", values: ["b"] })] }],
  ["a conversion to JSON", { requiredRoles: ["clerk"], toJSON: () => ({}) }],
  ["a list", []],
  ["a role", "clerk"],
  ["true", true],
  ["null", null],
])("requirements with %s throw instead of protecting nothing", (_title, requirements) => {
  expect(() => rowsOf(requirements as SessionRequirements)).toThrow(/must be a plain object/);
});

it("requirements without a prototype are read", () => {
  const requirements = Object.assign(Object.create(null) as object, { requiredRoles: ["clerk"] });
  expect(rowsOf(requirements).session.requiredRoles).toEqual(["clerk"]);
});
