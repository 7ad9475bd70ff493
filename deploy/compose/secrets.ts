// Which secrets the composed system has, who reads each, and how it is made. No default that anybody could know.
import { createHash, randomBytes } from "node:crypto";

/** One folder, and in the composed system one volume, for each reader: nobody sees more than its own. */
export type Reader = "gateway" | "redis" | "postgres" | "keycloak";

/** User ids of the images' own users. */
export const READERS: Readonly<Record<Reader, number>> = { gateway: 1000, redis: 999, postgres: 999, keycloak: 1000 };

/** Named volumes that belong to a user other than root, and whose images do not say so themselves. */
export const VOLUME_WRITERS: Readonly<Record<string, number>> = { tls: 1000, backups: 999 };

export type SecretFile = { reader: Reader; name: string; content: string };

/** APP_ID of the gateway in docker-compose.yml and in deploy/kubernetes: its Redis user has no other application's keys. */
export const APP_ID = "demo";

/** Found by running the store with them. The driver sends no `client|setinfo`, which Redis before 7.2 does not have. */
export const REDIS_COMMANDS =
  "hmget hget hset hdel hincrby exists pexpire pttl del set get zadd zrem zrange zremrangebyscore time " +
  "publish subscribe client|id client|tracking eval evalsha info hello auth select ping";

const newSecret = () => randomBytes(32).toString("base64url");

export function makeSecrets(): SecretFile[] {
  const redisPassword = newSecret();
  const clientSecret = newSecret();
  const databasePassword = newSecret();
  return [
    { reader: "gateway", name: "secret_keys", content: newSecret() },
    { reader: "gateway", name: "client_secret", content: clientSecret },
    { reader: "gateway", name: "redis_url", content: `redis://cloakroom:${redisPassword}@redis:6379/0` },
    { reader: "redis", name: "users.acl", content: redisUsers(redisPassword) },
    { reader: "postgres", name: "password", content: databasePassword },
    { reader: "keycloak", name: "database_password", content: databasePassword },
    { reader: "keycloak", name: "client_secret", content: clientSecret },
    { reader: "keycloak", name: "bootstrap_admin_password", content: newSecret() },
    { reader: "keycloak", name: "alice_password", content: newSecret().slice(0, 20) },
    { reader: "keycloak", name: "admin_password", content: newSecret().slice(0, 20) },
  ];
}

/** Redis's own users: the gateway with the keys and channels of its application and its commands, a health check that may ask whether Redis is there. */
export function redisUsers(gatewayPassword: string): string {
  const hashed = createHash("sha256").update(gatewayPassword).digest("hex");
  const commands = REDIS_COMMANDS.split(" ").map((name) => `+${name}`);
  return [
    // Off: nobody can be this user. It keeps its rights because Redis replays its own file of changes as this user, and
    // a right that is missing then makes it drop transactions without more than a line in the log.
    "user default off resetpass allkeys allchannels +@all",
    `user cloakroom on #${hashed} resetkeys ~cloakroom:${APP_ID}:* resetchannels &cloakroom:${APP_ID}:* &__redis__:invalidate -@all ${commands.join(" ")}`,
    "user health on nopass resetkeys resetchannels -@all +ping",
    "",
  ].join("\n");
}
