// The secrets of the composed system: name, reading service and random value of each. No secret has a default.
import { createHash, randomBytes } from "node:crypto";

/** Each service reads its secrets from a folder (in the composed system: a volume) of its own. */
export type Reader = "gateway" | "redis" | "postgres" | "keycloak";

/** User ids that the images run as. */
export const READER_UIDS: Readonly<Record<Reader, number>> = {
  gateway: 1000,
  redis: 999,
  postgres: 999,
  keycloak: 1000,
};

/** Named volumes written by a user other than root whose image does not set the owner. */
export const VOLUME_OWNER_UIDS: Readonly<Record<string, number>> = { tls: 1000, backups: 999 };

export type SecretFile = { reader: Reader; name: string; content: string };

/** APP_ID of the gateway in docker-compose.yml. Its Redis user is limited to this application's keys. */
export const APP_ID = "demo";

/** The commands that the store and the driver send. Without `client|setinfo`, which Redis before 7.2 lacks. */
export const REDIS_COMMANDS =
  "hmget hget hset hdel hincrby exists pexpire pttl del set get zadd zrem zrange zremrangebyscore time " +
  "publish subscribe client|id client|tracking eval evalsha info hello auth select ping";

/** 256 bits. */
const randomSecret = () => randomBytes(32).toString("base64url");

export function generateSecrets(): SecretFile[] {
  const redisPassword = randomSecret();
  const clientSecret = randomSecret();
  const databasePassword = randomSecret();
  return [
    { reader: "gateway", name: "secret_keys", content: randomSecret() },
    { reader: "gateway", name: "client_secret", content: clientSecret },
    { reader: "gateway", name: "redis_url", content: `redis://cloakroom:${redisPassword}@redis:6379/0` },
    { reader: "redis", name: "users.acl", content: redisUsers(redisPassword) },
    { reader: "postgres", name: "password", content: databasePassword },
    { reader: "keycloak", name: "database_password", content: databasePassword },
    { reader: "keycloak", name: "client_secret", content: clientSecret },
    { reader: "keycloak", name: "bootstrap_admin_password", content: randomSecret() },
    { reader: "keycloak", name: "alice_password", content: randomSecret().slice(0, 20) },
    { reader: "keycloak", name: "admin_password", content: randomSecret().slice(0, 20) },
  ];
}

/** Redis ACL file: user `cloakroom` with the application's keys and channels and the commands above, user `health` with PING. */
export function redisUsers(gatewayPassword: string): string {
  const hashed = createHash("sha256").update(gatewayPassword).digest("hex");
  const commands = REDIS_COMMANDS.split(" ").map((name) => `+${name}`);
  return [
    // Disabled for connections, with full permissions: Redis replays the append-only file as this user, and a missing
    // permission makes it drop transactions with only a log line.
    "user default off resetpass allkeys allchannels +@all",
    `user cloakroom on #${hashed} resetkeys ~cloakroom:${APP_ID}:* resetchannels &cloakroom:${APP_ID}:* &__redis__:invalidate -@all ${commands.join(" ")}`,
    "user health on nopass resetkeys resetchannels -@all +ping",
    "",
  ].join("\n");
}
