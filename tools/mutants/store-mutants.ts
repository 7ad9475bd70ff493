// Ways to connect to Redis wrongly or to misreport why there is no connection (K7), and the test that must notice.
import type { Mutant } from "./mutants.ts";

const topologies = ["test/store/redis-topologies.test.ts"];
const refusals = ["test/store/redis-refusals.test.ts"];
const address = ["test/store/redis-address.test.ts"];

export const STORE_MUTANTS: readonly Mutant[] = [
  {
    breaks: "store: Cluster connects to resolved addresses, which host-name certificates do not name",
    file: "src/store/redis/redis-connection.ts",
    find: "dnsLookup: (host, done) => done(null, host),",
    replace: "",
    tests: topologies,
  },
  {
    breaks: "store: the Sentinels get no password of their own",
    file: "src/store/redis/redis-connection.ts",
    find: "...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),",
    replace: "",
    tests: topologies,
  },
  {
    breaks: "store: no certificate matches an IPv6 address",
    file: "src/store/redis/server-identity.ts",
    find: "if (isIPv6(host) &&",
    replace: "if (host === '' &&",
    tests: topologies,
  },
  {
    breaks: "store: sessions go to database 0 if the configured one does not exist",
    file: "src/store/redis/redis-connection.ts",
    find: "if (db !== 0) client.on",
    replace: "if (db < 0) client.on",
    tests: refusals,
  },
  {
    breaks: "store: a closed connection is reported without its cause",
    file: "src/store/redis/redis-store.ts",
    find: "diagnose: () => diagnoseConnection(options),",
    replace: "diagnose: () => Promise.resolve(undefined),",
    tests: refusals,
  },
  {
    breaks: "store: a password ends at its second colon",
    file: "src/config/redis-address.ts",
    find: "decode(userInfo.slice(colon + 1))",
    replace: 'decode(userInfo.split(":")[1] ?? "")',
    tests: address,
  },
];
