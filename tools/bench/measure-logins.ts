// Measures repeated logins of several concurrent users with a provider session, so that no form is involved.
import { loggedIn } from "./login.ts";
import type { Contestant, Running } from "./contestant.ts";
import { cpuMicroseconds, pidsOf } from "./processes.ts";
import { USERS } from "./environment.ts";

export type LoginRow = { perSecond: number; cpuMsPerLogin: number };

const CONCURRENCY = 8;

export async function measureLogins(
  { login }: Contestant,
  running: Running,
  seconds: number,
): Promise<LoginRow | undefined> {
  if (login === undefined) return undefined;
  const url = running.origin + login.path;
  const browsers = await Promise.all(USERS.slice(0, CONCURRENCY).map((user) => loggedIn(url, user)));
  const pids = pidsOf(running);
  const before = cpuMicroseconds(pids);
  const start = performance.now();
  const endsAt = start + seconds * 1000;
  let logins = 0;
  const repeat = async (browser: (typeof browsers)[number]): Promise<void> => {
    while (performance.now() < endsAt) {
      browser.deleteCookies("localhost");
      await browser.open(url);
      if (!browser.cookies().some(({ host }) => host === "localhost")) throw new Error("a login left no cookie");
      logins += 1;
    }
  };
  await Promise.all(browsers.map(repeat));
  const elapsed = (performance.now() - start) / 1000;
  return { perSecond: logins / elapsed, cpuMsPerLogin: (cpuMicroseconds(pids) - before) / 1000 / logins };
}
