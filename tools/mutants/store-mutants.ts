// Mutants of the connection to Redis and its error reports.
import type { Mutant } from "./mutants.ts";

const topologies = ["test/store/redis-topologies.integration.test.ts", "test/store/redis-topologies.extended.test.ts"];
const rejections = ["test/store/redis-rejections.integration.test.ts"];
const address = ["test/store/redis-address.test.ts"];

export const STORE_MUTANTS: readonly Mutant[] = [
  {
    breaks: "store: the second error of a TLS socket is an uncaught exception",
    file: "src/store/redis/redis-socket-errors.ts",
    find: 'socket.on("error", () => undefined);',
    replace: "",
    tests: ["test/store/redis-socket-errors.test.ts"],
  },
  {
    breaks: "store: Cluster nodes are reached by resolved addresses that their certificates do not contain",
    file: "src/store/redis/redis-connection.ts",
    find: "dnsLookup: (host, done) => done(null, host),",
    replace: "",
    tests: topologies,
  },
  {
    breaks: "store: the Sentinel password is not sent",
    file: "src/store/redis/redis-connection.ts",
    find: "...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),",
    replace: "",
    tests: topologies,
  },
  {
    breaks: "store: a certificate never matches an IPv6 address",
    file: "src/store/redis/server-identity.ts",
    find: "if (isIPv6(host) &&",
    replace: "if (host === '' &&",
    tests: topologies,
  },
  {
    breaks: "store: sessions are written to database 0 if the configured one does not exist",
    file: "src/store/redis/redis-connection.ts",
    find: "if (db !== 0) client.on",
    replace: "if (db < 0) client.on",
    tests: rejections,
  },
  {
    breaks: "store: a closed connection is reported without its cause",
    file: "src/store/redis/redis-server.ts",
    find: "diagnose: () => diagnoseConnection(options),",
    replace: "diagnose: () => Promise.resolve(undefined),",
    tests: rejections,
  },
  {
    breaks: "store: a password is cut at its second colon",
    file: "src/config/redis-address.ts",
    find: "decode(userInfo.slice(colon + 1))",
    replace: 'decode(userInfo.split(":")[1] ?? "")',
    tests: address,
  },
];
