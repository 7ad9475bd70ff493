// Ways to break what a user can do with their own sessions, and the test that must notice.
import type { Mutant } from "./mutants.ts";

export const SESSION_MUTANTS: readonly Mutant[] = [
  {
    breaks: "sessions: one that was ended from another browser lives on",
    file: "src/auth/sessions-routes.ts",
    find: 'await end(target.key, "revoked");',
    replace: "",
    tests: ["test/session/sessions-route.test.ts"],
  },
  {
    breaks: "sessions: logging out everywhere ends this browser's session only",
    file: "src/auth/sessions-routes.ts",
    find: 'await Promise.all(others.map(({ key }) => end(key, "revoked")));',
    replace: "",
    tests: ["test/session/sessions-route.test.ts"],
  },
  {
    breaks: "sessions: the list says the store's key (I1)",
    file: "src/auth/sessions-routes.ts",
    find: "lastUsedAt: usedAgoMs",
    replace: "key: times.key, lastUsedAt: usedAgoMs",
    tests: ["test/session/sessions-route.test.ts"],
  },
  {
    breaks: "sessions: a list that names another's session shows it (I3)",
    file: "src/session/user-sessions.ts",
    find: "if (session?.issuer !== user.issuer || session.subject !== user.subject) return undefined;",
    replace: "if (session === undefined) return undefined;",
    tests: ["test/session/sessions-route.test.ts"],
  },
  {
    breaks: "sessions: the limit ends the newest instead of the oldest",
    file: "src/session/user-sessions.ts",
    find: "(await list(user)).slice(count)",
    replace: "(await list(user)).toReversed().slice(count)",
    tests: ["test/session/session-limit.test.ts"],
  },
  {
    breaks: "sessions: the limit counts the session that the login replaces",
    file: "src/auth/login-routes.ts",
    find: 'if (attempt.previousSession !== undefined) await sessions.end(attempt.previousSession, "replaced");',
    replace: `await parts.userSessions.keepNewest(session, parts.sessionsPerUser);
  if (attempt.previousSession !== undefined) await sessions.end(attempt.previousSession, "replaced");`,
    tests: ["test/session/session-limit.test.ts"],
  },
  {
    breaks: "audit: the log holds the provider's session id",
    file: "src/session/session.ts",
    find: 'hash("sha256", providerSid, "base64url").slice(0, 12)',
    replace: "providerSid",
    tests: ["test/auth/backchannel-logout.test.ts"],
  },
  {
    breaks: "audit: the end of a session does not say which of the provider's it was",
    file: "src/session/ending.ts",
    find: "providerSession: providerSessionName(session.providerSid),",
    replace: "",
    tests: ["test/auth/backchannel-logout.test.ts"],
  },
  {
    breaks: "Cluster: one redirection fails all that was sent with it",
    file: "src/redis-connection.ts",
    find: "clusterRetryStrategy: retryStrategy,",
    replace: "clusterRetryStrategy: retryStrategy, enableAutoPipelining: true,",
    tests: ["test/session/cluster.test.ts"],
  },
  {
    breaks: "log: every start cries fault, because the store is asked before it is connected",
    file: "src/redis.ts",
    find: 'if (client.status === "ready") options.onError?.(error);',
    replace: "options.onError?.(error);",
    tests: ["test/config/start.test.ts"],
  },
  {
    breaks: "ends: a reason of another release leaves WebSockets open",
    file: "src/store.ts",
    find: 'END_REASONS.find((reason) => reason === stored) ?? "revoked"',
    replace: "stored as EndReason",
    tests: ["test/proxy/websocket-session.test.ts"],
  },
  {
    breaks: "WORKERS: a question to a process that was just killed ends all of them",
    file: "src/workers.ts",
    find: 'worker.on("error", () => undefined);',
    replace: "",
    tests: ["test/config/workers.test.ts"],
  },
  {
    breaks: "who has left leads to all who came after, and keeps them in memory",
    file: "src/roll.ts",
    find: "place.after = undefined;",
    replace: "",
    tests: ["test/http/roll.test.ts"],
  },
];
