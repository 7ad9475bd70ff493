// The session store on representative Redis topologies; redis-topologies.extended.test.ts has all combinations.
import { describe, it } from "vitest";
import { expectStoreToWork, PASSWORD, TOPOLOGY_CASES } from "./redis-topology-cases.ts";

describe.concurrent("the session store", () => {
  it.for(TOPOLOGY_CASES.filter(({ isRepresentative }) => isRepresentative))(
    "the session store works with $title",
    async ({ options }, context) => {
      await expectStoreToWork(context, options);
    },
  );

  it.for([
    { tls: "plain", credentials: undefined },
    { tls: "tls", credentials: { password: PASSWORD } },
    { tls: "mutual", credentials: { username: "cloakroom", password: PASSWORD } },
  ] as const)(
    "the session store works with Sentinels that have their own password, $tls, servers with $credentials",
    async (row, context) => {
      const { tls, credentials } = row;
      const sentinelPassword = `sentinel's ${PASSWORD}`;
      const options = { topology: "sentinel", tls, host: "localhost", sentinelPassword } as const;
      await expectStoreToWork(context, credentials === undefined ? options : { ...options, credentials });
    },
  );
});
