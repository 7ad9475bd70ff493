// Baseline: a Node proxy with http and undici's dispatch.
import type { Contestant } from "../contestant.ts";
import { startNode } from "../start-process.ts";

export const bare: Contestant = {
  id: "bare",
  name: "bare http + undici",
  about: "Node's `http` and undici's `dispatch`: no session, no rules, no log, a bearer of its own",
  start: (environment, port) =>
    startNode({
      name: "bare",
      file: "tools/bench/servers/bare-proxy.ts",
      port,
      env: { UPSTREAM: environment.upstream },
    }),
};
