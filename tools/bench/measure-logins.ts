// Logins one after another for several people at once, each already known to the provider: its form is not measured.
import { loggedIn } from "./login.ts";
import type { Contestant, Running } from "./contestant.ts";
import { cpuMicroseconds, processTree } from "./processes.ts";
import { PEOPLE } from "./environment.ts";

export type LoginRow = { perSecond: number; cpuMsPerLogin: number };

const AT_ONCE = 8;

export async function measureLogins(
  { login }: Contestant,
  { origin, pid }: Running,
  seconds: number,
): Promise<LoginRow | undefined> {
  if (login === undefined) return undefined;
  const url = origin + login.path;
  const browsers = await Promise.all(PEOPLE.slice(0, AT_ONCE).map((person) => loggedIn(url, person)));
  const pids = processTree(pid);
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
