// WebSockets and event streams of many sessions are open on every instance while sessions end, in every way that somebody
// can end one: those of an ended session are closed everywhere and told why, all others stay open and go on, also while
// the connections on which instances hear of ends are cut, and after an instance was without Redis for a while.
import { backchannelLogout, endByAdministrator, logoutTokenFor, revoke } from "../endings.ts";
import type { Fleet, Instance } from "../fleet.ts";
import { openEverywhere, REVOKED, type LiveConnection } from "../live-connections.ts";
import { until } from "@cloakroom/testkit/until.ts";
import { inParallel, type Outcome, type Scenario, type Size } from "../scenario.ts";
import { anotherSession, newVisitor, type Visitor } from "../visitor.ts";

const COUNTS = {
  full: { rounds: 10, sessions: 40, living: 20 },
  short: { rounds: 2, sessions: 12, living: 6 },
  tiny: { rounds: 1, sessions: 4, living: 2 },
} as const satisfies Record<Size, object>;

const CLOSED_WITHIN_MS = 1_000;
/** Without being told an instance finds out as well, half a minute later: that would be too late. */
const PATIENCE_MS = 8_000;
const CUT_EVERY_MS = 100;

type Weather = {
  name: string;
  /** @returns how it is over; for an instance that was away, when that was so. */
  begin: (fleet: Fleet, away: Instance, user: Visitor) => () => Promise<number | undefined>;
};

const WEATHERS: readonly Weather[] = [
  { name: "undisturbed", begin: () => () => Promise.resolve(undefined) },
  {
    name: "listening connections cut by Redis again and again",
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
    name: "one instance without Redis meanwhile",
    begin(_fleet, { link, name, ...away }, user) {
      link.blackHole();
      link.reset();
      return async () => {
        link.clear();
        link.reset();
        await until(`${name} serves again`, async () => {
          const answer = await user.get("api", { link, name, ...away });
          return answer.kind === "answered" && answer.status === 200;
        });
        return performance.now();
      };
    },
  },
];

export const liveConnections: Scenario = {
  name: "open WebSockets and event streams",
  async run(fleet, size): Promise<Outcome> {
    const { rounds, sessions, living } = COUNTS[size];
    const user = await newVisitor(fleet);
    const staying: LiveConnection[] = [];
    try {
      await inParallel(living, 10, async () =>
        staying.push(...(await openEverywhere(fleet, await anotherSession(fleet, user)))),
      );
      const slowestMs: number[] = [];
      for (let round = 0; round < rounds; round++)
        for (const weather of WEATHERS)
          slowestMs.push(await runRound(fleet, { user, weather, staying, sessions, round, size }));
      await nothingIsLeft(fleet, living);
      const perWeather = rounds * sessions * fleet.instances.length;
      const slowest = WEATHERS.map(({ name }, index) => {
        const ms = Math.max(...slowestMs.filter((_ms, at) => at % WEATHERS.length === index));
        return `${name} ${ms.toFixed(0)} ms`;
      });
      return {
        unavailable: true,
        seen:
          `each time ${perWeather} WebSockets and as many event streams of ${rounds * sessions} sessions that ended by logout, ` +
          `back-channel logout, revocation and administrator: closed on every instance with their reason, the last one ` +
          `after the end was acknowledged, or its instance was back (0: before that): ${slowest.join(", ")}; ${staying.length} of living ` +
          `sessions stayed open`,
      };
    } finally {
      for (const { leave } of staying) leave();
    }
  },
};

type Round = {
  user: Visitor;
  weather: Weather;
  staying: readonly LiveConnection[];
  sessions: number;
  round: number;
  size: Size;
};

/** @returns how long the last one stayed open, in milliseconds */
async function runRound(fleet: Fleet, { user, weather, staying, sessions, round, size }: Round): Promise<number> {
  const { instances, history } = fleet;
  const away = instances[round % instances.length] as Instance;
  const others = instances.filter((instance) => instance !== away);
  const ends = await prepareEnds(fleet, { user, sessions, others });
  const ending: LiveConnection[] = [];
  await inParallel(ends.visitors.length, 10, async (index) =>
    ending.push(...(await openEverywhere(fleet, ends.visitors[index] as Visitor))),
  );

  const clear = weather.begin(fleet, away, user);
  await ends.endAll();
  await goOn(fleet, staying, weather.name);
  const backMs = await clear();
  await until("all are closed", () => ending.every(({ end }) => end() !== undefined), {
    timeoutMs: PATIENCE_MS,
  }).catch(() => undefined);
  await goOn(fleet, staying, `after ${weather.name}`);

  const acknowledged = new Map(history.endings.map(({ session, acknowledgedMs }) => [session, acknowledgedMs]));
  const openFor = ending.map((connection) => {
    const overMs = acknowledged.get(connection.visitor.name) ?? Infinity;
    return isClosed(fleet, connection, { overMs: Math.max(overMs, connection.at === away ? (backMs ?? 0) : 0), size });
  });
  for (const { leave } of ending) leave();
  return Math.max(...openFor);
}

/** @returns for how long it was open after `overMs`, in milliseconds */
function isClosed({ history }: Fleet, connection: LiveConnection, { overMs, size }: { overMs: number; size: Size }) {
  const { kind, visitor, at, end } = connection;
  const { how, atMs } = end() ?? { how: "nothing, it is still open", atMs: Infinity };
  const openForMs = Math.max(0, atMs - overMs);
  const isInTime = openForMs <= (size === "tiny" ? PATIENCE_MS : CLOSED_WITHIN_MS);
  history.claims.push({
    ...{ invariant: "I2", holds: how === REVOKED[kind] && isInTime },
    claim: `${kind} of ${visitor.name} at ${at.name}: ${how}, ${openForMs.toFixed(0)} ms after its session's end`,
  });
  return openForMs;
}

type Ends = { visitors: readonly Visitor[]; endAll: () => Promise<unknown> };

/** A quarter each: by logout, by the provider, from another browser, and one user's as a whole by an administrator. */
async function prepareEnds(
  fleet: Fleet,
  { user, sessions, others }: Pick<Round, "user" | "sessions"> & { others: readonly Instance[] },
): Promise<Ends> {
  const administrated = await newVisitor(fleet);
  const visitors: Visitor[] = [];
  const ends: (() => Promise<unknown>)[] = [];
  await inParallel(sessions, 10, async (index) => {
    const at = others[index % others.length] as Instance;
    const visitor = await anotherSession(fleet, index % 4 === 3 ? administrated : user);
    visitors.push(visitor);
    if (index % 4 === 0) ends.push(() => visitor.logout(at));
    if (index % 4 === 1) {
      const token = await logoutTokenFor(fleet, visitor);
      ends.push(() => backchannelLogout(fleet, { token, visitor, at }));
    }
    if (index % 4 === 2) ends.push(() => revoke(fleet, user, visitor, at));
  });
  ends.push(() => endByAdministrator(fleet, [administrated, ...visitors.filter(isOf(administrated))]));
  return { visitors, endAll: () => inParallel(ends.length, 10, (index) => ends[index]?.() ?? Promise.resolve()) };
}

function isOf({ subject }: Visitor): (visitor: Visitor) => boolean {
  return (visitor) => visitor.subject === subject;
}

/** I5: neither another session's end nor an outage closes what belongs to a living session. */
async function goOn({ history }: Fleet, staying: readonly LiveConnection[], when: string): Promise<void> {
  const work = await Promise.all(staying.map(({ works }) => works()));
  staying.forEach(({ kind, visitor, at }, index) =>
    history.claims.push({
      ...{ invariant: "I5", holds: work[index] === true },
      claim: `${kind} of ${visitor.name} at ${at.name}, whose session lives, goes on: ${when}`,
    }),
  );
}

/** Nor may an instance hold its half of one, towards the API, once the browser's is closed. */
async function nothingIsLeft({ instances, history }: Fleet, living: number): Promise<void> {
  for (const { managementOrigin, name } of instances) {
    const counts = async () => {
      const text = await (await fetch(`${managementOrigin}/metrics`)).text();
      const valueOf = (metric: string) => Number(new RegExp(`^${metric} (\\d+)`, "m").exec(text)?.[1]);
      return [valueOf("cloakroom_websockets_open"), valueOf("cloakroom_event_streams")];
    };
    await until("only those of the living are left", async () => (await counts()).every((count) => count === living), {
      timeoutMs: PATIENCE_MS,
    }).catch(() => undefined);
    const left = await counts();
    history.claims.push({
      ...{ invariant: "I2", holds: left.every((count) => count === living) },
      claim: `${name} holds ${left.join(" WebSockets and ")} event streams for ${living} living sessions`,
    });
  }
}
