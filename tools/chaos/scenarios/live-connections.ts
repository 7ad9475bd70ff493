// Open WebSockets and event streams on every instance while sessions end by logout, back-channel logout, revocation and
// administrator. Those of an ended session must close on every instance with the reason, all others must stay open, also
// while pub/sub connections are closed and after an instance was without Redis.
import { backchannelLogout, endByAdministrator, logoutTokenFor, revoke } from "../session-ends.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { openEverywhere, REVOKED, type LiveConnection } from "../live-connections.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { addSessionOf, logInNewUser, type ChaosBrowser } from "../browser.ts";

const COUNTS = {
  full: { rounds: 10, sessions: 40, liveSessions: 20 },
  short: { rounds: 2, sessions: 12, liveSessions: 6 },
  tiny: { rounds: 1, sessions: 4, liveSessions: 2 },
} as const satisfies Record<Size, object>;

const CLOSED_WITHIN_MS = 1_000;
/** Shorter than the periodic check of half a minute, which would also close the connections. */
const CLOSE_TIMEOUT_MS = 8_000;
const CUT_EVERY_MS = 100;

type PubSubFault = {
  name: string;
  /** @returns a function that ends the fault and resolves with the time at which `affected` was served again, if it was cut off. */
  begin: (fleet: Fleet, affected: Instance, user: ChaosBrowser) => () => Promise<number | undefined>;
};

const FAULTS: readonly PubSubFault[] = [
  { name: "no fault", begin: () => () => Promise.resolve(undefined) },
  {
    name: "subscriber connections closed repeatedly by Redis",
    begin({ store }) {
      const cut = () => void store.client.call("CLIENT", "KILL", "TYPE", "pubsub").catch(() => undefined);
      cut();
      const cutting = setInterval(cut, CUT_EVERY_MS);
      return () => {
        clearInterval(cutting);
        return Promise.resolve(undefined);
      };
    },
  },
  {
    name: "one instance without Redis",
    begin(_fleet, { link, name, ...rest }, user) {
      link.blackHole();
      link.reset();
      return async () => {
        link.clear();
        link.reset();
        await until(`${name} serves again`, async () => {
          const result = await user.get("api", { link, name, ...rest });
          return result.kind === "response" && result.status === 200;
        });
        return performance.now();
      };
    },
  },
];

export const liveConnections: Scenario = {
  name: "open WebSockets and event streams",
  async run(fleet, size): Promise<Outcome> {
    const { rounds, sessions, liveSessions } = COUNTS[size];
    const user = await logInNewUser(fleet);
    const staying: LiveConnection[] = [];
    try {
      await inParallel(liveSessions, 10, async () =>
        staying.push(...(await openEverywhere(fleet, await addSessionOf(fleet, user)))),
      );
      const slowestMs: number[] = [];
      for (let round = 0; round < rounds; round++)
        for (const fault of FAULTS)
          slowestMs.push(await runRound(fleet, { user, fault, staying, sessions, round, size }));
      await assertNothingIsLeft(fleet, liveSessions);
      const perFault = rounds * sessions * fleet.instances.length;
      const slowest = FAULTS.map(({ name }, index) => {
        const ms = Math.max(...slowestMs.filter((_ms, at) => at % FAULTS.length === index));
        return `${name} ${ms.toFixed(0)} ms`;
      });
      return {
        unavailable: true,
        details:
          `each time ${perFault} WebSockets and as many event streams of ${rounds * sessions} sessions that ended by logout, ` +
          `back-channel logout, revocation and administrator: closed on every instance with their reason. The last one ` +
          `closed, counted from the acknowledgement or from the return of its instance (0: earlier): ${slowest.join(", ")}; ` +
          `${staying.length} connections of other sessions stayed open`,
      };
    } finally {
      for (const { close } of staying) close();
    }
  },
};

type Round = {
  user: ChaosBrowser;
  fault: PubSubFault;
  staying: readonly LiveConnection[];
  sessions: number;
  round: number;
  size: Size;
};

/** @returns the longest time that a connection stayed open after its session's end, in milliseconds */
async function runRound(fleet: Fleet, { user, fault, staying, sessions, round, size }: Round): Promise<number> {
  const { instances, history } = fleet;
  const affected = instances[round % instances.length] as Instance;
  const others = instances.filter((instance) => instance !== affected);
  const ends = await prepareEnds(fleet, { user, sessions, others });
  const ending: LiveConnection[] = [];
  await inParallel(ends.browsers.length, 10, async (index) =>
    ending.push(...(await openEverywhere(fleet, ends.browsers[index] as ChaosBrowser))),
  );

  const clear = fault.begin(fleet, affected, user);
  await ends.endAll();
  await assertOpen(fleet, staying, fault.name);
  const backMs = await clear();
  await until("all connections of ended sessions are closed", () => ending.every(({ end }) => end() !== undefined), {
    timeoutMs: CLOSE_TIMEOUT_MS,
  }).catch(() => undefined);
  await assertOpen(fleet, staying, `after ${fault.name}`);

  const acknowledged = new Map(history.sessionEnds.map(({ session, acknowledgedMs }) => [session, acknowledgedMs]));
  const openFor = ending.map((connection) => {
    const acknowledgedMs = acknowledged.get(connection.browser.name) ?? Infinity;
    return assertClosed(fleet, connection, {
      endedMs: Math.max(acknowledgedMs, connection.at === affected ? (backMs ?? 0) : 0),
      size,
    });
  });
  for (const { close } of ending) close();
  return Math.max(...openFor);
}

/** @returns how long the connection stayed open after `endedMs`, in milliseconds */
function assertClosed(
  { history }: Fleet,
  connection: LiveConnection,
  { endedMs, size }: { endedMs: number; size: Size },
) {
  const { kind, browser, at, end } = connection;
  const { how, atMs } = end() ?? { how: "still open", atMs: Infinity };
  const openForMs = Math.max(0, atMs - endedMs);
  const isInTime = openForMs <= (size === "tiny" ? CLOSE_TIMEOUT_MS : CLOSED_WITHIN_MS);
  history.assertions.push({
    ...{ invariant: "I2", holds: how === REVOKED[kind] && isInTime },
    text: `${kind} of ${browser.name} at ${at.name}: ${how}${Number.isFinite(openForMs) ? `, ${openForMs.toFixed(0)} ms` : ""} after its session's end`,
  });
  return openForMs;
}

type Ends = { browsers: readonly ChaosBrowser[]; endAll: () => Promise<unknown> };

/** A quarter of the sessions each: logout, back-channel logout, revocation by the user, all sessions of a user by the administrator. */
async function prepareEnds(
  fleet: Fleet,
  { user, sessions, others }: Pick<Round, "user" | "sessions"> & { others: readonly Instance[] },
): Promise<Ends> {
  const managedUser = await logInNewUser(fleet);
  const browsers: ChaosBrowser[] = [];
  const ends: (() => Promise<unknown>)[] = [];
  await inParallel(sessions, 10, async (index) => {
    const at = others[index % others.length] as Instance;
    const browser = await addSessionOf(fleet, index % 4 === 3 ? managedUser : user);
    browsers.push(browser);
    if (index % 4 === 0) ends.push(() => browser.logout(at));
    if (index % 4 === 1) {
      const token = await logoutTokenFor(fleet, browser);
      ends.push(() => backchannelLogout(fleet, { token, browser, at }));
    }
    if (index % 4 === 2) ends.push(() => revoke(fleet, user, browser, at));
  });
  ends.push(() => endByAdministrator(fleet, [managedUser, ...browsers.filter(isOf(managedUser))]));
  return { browsers, endAll: () => inParallel(ends.length, 10, (index) => ends[index]?.() ?? Promise.resolve()) };
}

function isOf({ subject }: ChaosBrowser): (browser: ChaosBrowser) => boolean {
  return (browser) => browser.subject === subject;
}

/** I5: neither the end of another session nor an outage closes the connections of a live session. */
async function assertOpen({ history }: Fleet, staying: readonly LiveConnection[], when: string): Promise<void> {
  const work = await Promise.all(staying.map(({ works }) => works()));
  staying.forEach(({ kind, browser, at }, index) =>
    history.assertions.push({
      ...{ invariant: "I5", holds: work[index] === true },
      text: `${kind} of ${browser.name} at ${at.name} of a live session stays open: ${when}`,
    }),
  );
}

/** An instance must also close the upstream side of a closed connection. */
async function assertNothingIsLeft({ instances, history }: Fleet, liveSessions: number): Promise<void> {
  for (const { managementOrigin, name } of instances) {
    const counts = async () => {
      const text = await (await fetch(`${managementOrigin}/metrics`)).text();
      const valueOf = (metric: string) =>
        Number(new RegExp(`^${metric}\\{application="[^"]+"\\} (\\d+)`, "m").exec(text)?.[1]);
      return [valueOf("cloakroom_websockets_open"), valueOf("cloakroom_event_streams")];
    };
    await until(
      "only connections of live sessions are open",
      async () => (await counts()).every((count) => count === liveSessions),
      {
        timeoutMs: CLOSE_TIMEOUT_MS,
      },
    ).catch(() => undefined);
    const left = await counts();
    history.assertions.push({
      ...{ invariant: "I2", holds: left.every((count) => count === liveSessions) },
      text: `${name} holds ${left.join(" WebSockets and ")} event streams for ${liveSessions} live sessions`,
    });
  }
}
