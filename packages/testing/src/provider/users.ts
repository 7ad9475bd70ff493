// Who may log in: names, claims and scrypt hashes. A password is never kept.
import { randomBytes, randomUUID, scrypt, timingSafeEqual } from "node:crypto";
import type { User, UserInput } from "./types.ts";

type Hash = { salt: Buffer; key: Buffer };

export type UserDirectory = {
  add: (input: UserInput) => Promise<User>;
  bySub: (sub: string) => User | undefined;
  byName: (username: string) => User | undefined;
  /** @returns the user, or undefined: which of name and password was wrong stays unsaid */
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

export function userDirectory(cost: number): UserDirectory {
  const users = new Map<string, { user: User; hash: Hash }>();
  const bySub = new Map<string, User>();
  const derive = (password: string, salt: Buffer) =>
    new Promise<Buffer>((resolve, reject) => {
      scrypt(password.normalize("NFKC"), salt, KEY_BYTES, { N: cost }, (error, key) =>
        error === null ? resolve(key) : reject(error),
      );
    });
  const nobody: Hash = { salt: randomBytes(16), key: randomBytes(KEY_BYTES) };
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
      // An unknown name costs the same work: time must not tell which names exist.
      const { salt, key } = known?.hash ?? nobody;
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

/** Claims by scope, as both the ID token and userinfo deliver them. */
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
