// What becomes of a refresh whose answer never comes, or cannot be stored (docs/decisions/0004): each outcome is
// defined, the provider sees exactly the attempts that are, and no session ends but the one that must.
import type { Fault } from "@cloakroom/testing/provider/faults.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { gate, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { spendingFrom } from "../spending.ts";
import { expireAccessToken, newVisitor, type Visitor } from "../visitor.ts";

const REPEATS = { full: 4, short: 2, tiny: 1 } as const satisfies Record<Size, number>;
const TIMEOUT_SECONDS = 2;

type Case = {
  name: string;
  fault: Omit<Fault, "endpoint" | "times">;
  /** Whether the further attempt finds the token spent. */
  isSpent: boolean;
};

const CASES: readonly Case[] = [
  { name: "reset before the provider looked", fault: { resetBeforeProcessing: true }, isSpent: false },
  { name: "500", fault: { status: 500 }, isSpent: false },
  { name: "HTML", fault: { status: 200, contentType: "text/html", body: "<h1>Wait</h1>" }, isSpent: false },
  { name: "429", fault: { status: 429 }, isSpent: false },
  { name: "no answer in time", fault: { delayMs: TIMEOUT_SECONDS * 1_000 + 500 }, isSpent: false },
  { name: "reset after the provider took it", fault: { resetAfterProcessing: true }, isSpent: true },
];

export const refreshOutcomes: Scenario = {
  name: "refresh without an answer",
  env: { OIDC_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS), REDIS_TIMEOUT_MS: "400" },
  async run(fleet, size): Promise<Outcome> {
    const ended = new Map<string, string>();
    for (let repeat = 0; repeat < REPEATS[size]; repeat++) {
      for (const each of CASES) {
        const visitor = await newVisitor(fleet);
        if (each.isSpent) ended.set(visitor.name, "session_expired");
        await withoutAnswer(fleet, visitor, each);
      }
      await unstored(fleet);
    }
    return {
      ...{ unavailable: true, ended },
      seen:
        `${REPEATS[size]} times each: ${CASES.map(({ name }) => name).join(", ")}: 503, then one further attempt, which ` +
        "only after the last one ends the session, with its reason; a renewed token set that Redis cannot take is kept " +
        "and stored later",
    };
  },
};

async function withoutAnswer(fleet: Fleet, visitor: Visitor, { name, fault, isSpent }: Case): Promise<void> {
  const { provider, instances } = fleet;
  await expireAccessToken(fleet, visitor);
  const spent = spendingFrom(fleet, name);
  provider.faults.set({ endpoint: "token", times: 1, ...fault });
  await Promise.all(instances.map((instance) => visitor.get("api", instance)));
  await until(`${visitor.name} gets an answer after "${name}"`, async () => {
    const answer = await visitor.get("api");
    return answer.kind === "answered" && answer.status !== 503;
  });
  await Promise.all(instances.map((instance) => visitor.get("api", instance)));
  spent({ requests: 2, reuses: isSpent ? 1 : 0 });
}

/** Redis is gone exactly while the provider's good answer arrives. */
async function unstored(fleet: Fleet): Promise<void> {
  const { provider, redis, instances } = fleet;
  const [first] = instances as readonly [Instance, ...Instance[]];
  const visitor = await newVisitor(fleet);
  await expireAccessToken(fleet, visitor);
  // After the faults before, this instance may be leaving the provider alone for a second.
  await until("the provider is asked again", async () => {
    const answer = await visitor.get("api", first);
    return answer.kind === "answered" && answer.status === 200;
  });
  await expireAccessToken(fleet, visitor);
  const spent = spendingFrom(fleet, "a token set that could not be stored");
  const before = provider.count("token");
  const answered = gate();
  provider.faults.set({ endpoint: "token", times: 1, answerWhen: answered.opened });
  const waiting = visitor.get("api", first);
  await until("the provider has the refresh", () => provider.count("token") > before);
  await redis.kill();
  answered.open();
  await waiting;
  await redis.start();
  await until(`${visitor.name} goes on after Redis was gone`, async () => {
    const answer = await visitor.get("api");
    return answer.kind === "answered" && answer.status !== 503;
  });
  for (const instance of instances) await visitor.get("api", instance);
  spent({ requests: 1 });
}
