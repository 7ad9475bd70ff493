// Drafts in the URL belong to the user who typed them.
import { expect, test } from "vitest";
import { withoutCallDraft } from "../src/pages/call/use-call-draft.ts";
import { draftOwnerParam, draftOwnerTag, hasDraftOfAnotherUser } from "../src/session/form-draft.ts";

const draftOf = (sub: string) => `?message=secret&${draftOwnerParam}=${draftOwnerTag(sub)}`;

test("a draft in the URL belongs to the user who typed it", () => {
  expect(hasDraftOfAnotherUser(draftOf("alice"), "alice")).toBe(false);
});

test.each(["bob", "Alice", "alice ", "alicealice", ""])("a draft of alice in the URL does not belong to %j", (sub) => {
  expect(hasDraftOfAnotherUser(draftOf("alice"), sub)).toBe(true);
});

test.each(["", "?message=hello", "?message=hello&resource=department"])("the link %j has no owner", (search) => {
  expect(hasDraftOfAnotherUser(search, "bob")).toBe(false);
});

test("an owner tag does not contain the sub", () => {
  expect(draftOwnerTag("alice@example.com")).toMatch(/^[\da-z]{1,7}$/);
});

test("a discarded draft leaves no field and no owner in the URL", () => {
  const location = {
    pathname: "/call",
    search: `${draftOf("alice")}&resource=confidential&theme=x`,
    hash: "",
  };
  expect(withoutCallDraft(location)).toEqual({ pathname: "/call", search: "theme=x" });
});
