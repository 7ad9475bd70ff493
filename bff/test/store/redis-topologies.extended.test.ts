// The session store on every combination of topology, TLS, authentication and address family that
// redis-topologies.integration.test.ts leaves out.
import { describe, it } from "vitest";
import { expectStoreToWork, TOPOLOGY_CASES } from "./redis-topology-cases.ts";

describe.concurrent("the session store", () => {
  it.for(TOPOLOGY_CASES.filter(({ isRepresentative }) => !isRepresentative))(
    "the session store works with $title",
    async ({ options }, context) => {
      await expectStoreToWork(context, options);
    },
  );
});
