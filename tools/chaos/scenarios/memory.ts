// Resident memory of one instance with thousands of sessions and open event streams.
import { get, type ClientRequest } from "node:http";
import type { Instance } from "../fleet.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { addSessionOf, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { sessions: 10_000, streams: 2_000 },
  short: { sessions: 1_000, streams: 200 },
  tiny: { sessions: 100, streams: 20 },
} as const satisfies Record<Size, object>;

export const memory: Scenario = {
  name: "memory",
  async run(fleet, size): Promise<Outcome> {
    const { sessions: count, streams } = COUNTS[size];
    const instance = fleet.instances[0] as Instance;
    const user = await logInNewUser(fleet);
    await inParallel(500, 20, () => user.get("api", instance));
    const initialMb = await residentMb(instance);
    const sessions: ChaosBrowser[] = [];
    await inParallel(count, 50, async () => {
      const browser = await addSessionOf(fleet, user);
      await browser.get("api", instance);
      sessions.push(browser);
    });
    const sessionsMb = await residentMb(instance);
    const open: Stream[] = [];
    try {
      await inParallel(
        streams,
        50,
        async (index) => void open.push(await openStream(instance, sessions[index] as ChaosBrowser)),
      );
      const streamsMb = await residentMb(instance);
      await inParallel(streams, 50, (index) => sessions[index]?.get("api", instance) ?? Promise.resolve());
      const openCount = open.filter(({ isOpen }) => isOpen()).length;
      fleet.history.assertions.push({
        ...{ invariant: "I8", holds: openCount === streams },
        text: `${openCount} of ${streams} event streams are open at the same time`,
      });
      return {
        details:
          `one instance: ${initialMb} MB resident after its first 500 requests, ${sessionsMb} MB with ${count} live ` +
          `sessions that it has served, ${streamsMb} MB with ${streams} of their event streams open through /api`,
      };
    } finally {
      for (const { request } of open) request.destroy();
      await until("the streams are closed", () => fleet.api.openEventStreams() === 0);
    }
  },
};

async function residentMb({ managementOrigin }: Instance): Promise<number> {
  const text = await (await fetch(`${managementOrigin}/metrics`)).text();
  const bytes = Number(/^cloakroom_process_resident_memory_bytes (\S+)/m.exec(text)?.[1]);
  return Math.round(bytes / 1024 / 1024);
}

type Stream = { request: ClientRequest; isOpen: () => boolean };

/** Resolves when the first event arrives. */
function openStream({ port }: Instance, { headers }: ChaosBrowser): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const request = get(
      `http://127.0.0.1:${port}/api/events?intervalMs=60000`,
      { agent: false, headers: { ...headers, accept: "text/event-stream" } },
      (response) => {
        let isOpen = response.statusCode === 200;
        response.once("close", () => (isOpen = false)).on("error", () => undefined);
        response.once("data", () => resolve({ request, isOpen: () => isOpen }));
        response.resume();
      },
    );
    request.on("error", reject);
  });
}
