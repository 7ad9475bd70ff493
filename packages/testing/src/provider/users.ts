// User directory with scrypt password hashes.
import { randomBytes, randomUUID, scrypt, timingSafeEqual } from "node:crypto";
import type { User, UserInput } from "./types.ts";

type Hash = { salt: Buffer; key: Buffer };

export type UserDirectory = {
  add: (input: UserInput) => Promise<User>;
  bySub: (sub: string) => User | undefined;
  byName: (username: string) => User | undefined;
  /** @returns undefined for an unknown username or a wrong password */
  authenticate: (username: string, password: string) => Promise<User | undefined>;
};

export const DEMO_USERS: readonly UserInput[] = [
  {
    sub: "3f0d4c1e-6a52-4c39-9f5b-0a1ce0000001",
    username: "alice",
    password: "alice-demo-password",
    name: "Alice Example",
    email: "alice@example.com",
    roles: ["user"],
    department: "engineering",
  },
  {
    sub: "3f0d4c1e-6a52-4c39-9f5b-0a1ce0000002",
    username: "admin",
    password: "admin-demo-password",
    name: "Ada Admin",
    email: "admin@example.com",
    roles: ["user", "admin"],
    department: "operations",
  },
];

const KEY_BYTES = 32;
export const DEFAULT_PASSWORD_COST = 2 ** 14;

export function createUserDirectory(cost: number): UserDirectory {
  const users = new Map<string, { user: User; hash: Hash }>();
  const bySub = new Map<string, User>();
  const derive = (password: string, salt: Buffer) =>
    new Promise<Buffer>((resolve, reject) => {
      scrypt(password.normalize("NFKC"), salt, KEY_BYTES, { N: cost }, (error, key) =>
        error === null ? resolve(key) : reject(error),
      );
    });
  const unknownUserHash: Hash = { salt: randomBytes(16), key: randomBytes(KEY_BYTES) };
  const byName = (username: string) => users.get(username.trim().toLowerCase());
  return {
    add: async (input) => {
      const salt = randomBytes(16);
      const user = toUser(input);
      users.set(user.username, { user, hash: { salt, key: await derive(input.password, salt) } });
      bySub.set(user.sub, user);
      return user;
    },
    bySub: (sub) => bySub.get(sub),
    byName: (username) => byName(username)?.user,
    authenticate: async (username, password) => {
      const known = byName(username);
      // Hashes for unknown usernames too, so that the response time does not reveal them (user enumeration).
      const { salt, key } = known?.hash ?? unknownUserHash;
      const matches = timingSafeEqual(await derive(password, salt), key);
      return matches ? known?.user : undefined;
    },
  };
}

function toUser({ sub, username, name, email, roles, department }: UserInput): User {
  return {
    sub: sub ?? randomUUID(),
    username: username.trim().toLowerCase(),
    name: name ?? username,
    email: email ?? `${username}@example.com`,
    roles: roles ?? ["user"],
    department: department ?? "engineering",
  };
}

/** Claims by scope, in the ID token and in userinfo. */
export const CLAIMS_BY_SCOPE = {
  openid: ["sub"],
  profile: ["name", "given_name", "family_name", "preferred_username", "roles", "department"],
  email: ["email", "email_verified"],
};

export function claimsOf(user: User): Record<string, unknown> & { sub: string } {
  const [givenName = user.name, ...familyNames] = user.name.split(" ");
  return {
    sub: user.sub,
    name: user.name,
    given_name: givenName,
    family_name: familyNames.join(" "),
    preferred_username: user.username,
    email: user.email,
    email_verified: true,
    roles: [...user.roles],
    department: user.department,
  };
}
