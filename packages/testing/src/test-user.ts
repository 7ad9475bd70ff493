// Users of tests, with random names and passwords.
import { randomBytes } from "node:crypto";
import type { User, UserInput } from "./provider/types.ts";

export type TestUser = User & { readonly password: string };

/** @param provider where the user is added */
export async function createTestUser(
  provider: { addUser(user: UserInput): Promise<User> },
  input: Partial<UserInput> = {},
): Promise<TestUser> {
  const username = input.username ?? `user-${randomBytes(4).toString("hex")}`;
  const password = input.password ?? randomBytes(12).toString("base64url");
  const user = await provider.addUser({ name: `Kim ${username}`, ...input, username, password });
  return { ...user, password };
}
