// Counter of the requests of rows with a rate limit.
import { Counter, type Registry } from "prom-client";

/** `admitted_locally`: counted by this process only, during an outage of the store. */
export type RateLimitOutcome = "admitted" | "admitted_locally" | "limited";

export function countRateLimits(registry: Registry) {
  const requests = new Counter({
    name: "cloakroom_rate_limit_requests_total",
    help: "Requests of rows with a rate limit, by outcome",
    labelNames: ["upstream", "outcome"],
    registers: [registry],
  });
  return (upstream: string, outcome: RateLimitOutcome): void => requests.inc({ upstream, outcome });
}
