// The tests' fixtures: the running installation, and a browser that trusts its certificate authority and no other.
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { test as base } from "@playwright/test";
import { startRehearsal, type Rehearsal } from "./rehearsal.ts";

export const SPA_VARIABLE = "CLOAKROOM_REHEARSAL_SPA";

type Ask = {
  headers?: Record<string, string>;
  method?: string;
  /** One of this machine's own addresses. */ from?: string;
};
export type Answer = { status: number; headers: IncomingHttpHeaders; rawHeaders: string[]; body: string };

type WorkerFixtures = { rehearsal: Rehearsal };
type Fixtures = {
  /** A request of a program, from an address of its choice, to a name that leads to this machine. */
  ask: (url: string, how?: Ask) => Promise<Answer>;
};

export const test = base.extend<Fixtures, WorkerFixtures>({
  rehearsal: [
    async ({ browserName: _browserName }, use) => {
      const spaRoot = process.env[SPA_VARIABLE];
      if (spaRoot === undefined) throw new Error("Run these tests with: npm run rehearsal");
      const rehearsal = await startRehearsal(spaRoot, (line) => process.stdout.write(`${line}\n`));
      await use(rehearsal);
      await rehearsal.stop();
    },
    { scope: "worker", timeout: 300_000 },
  ],
  launchOptions: [
    async ({ launchOptions, rehearsal }, use) => {
      const args = [`--ignore-certificate-errors-spki-list=${rehearsal.tls.keyHash}`];
      // Chromium's sandbox refuses to start for root; for everybody else it stays on.
      if (process.getuid?.() === 0) args.push("--no-sandbox");
      await use({ ...launchOptions, args });
    },
    { scope: "worker" },
  ],
  ask: async ({ rehearsal }, use) => use((url, how) => askFrom(rehearsal.tls.authority, url, how)),
});

function askFrom(authority: string, url: string, { headers = {}, method = "GET", from }: Ask = {}): Promise<Answer> {
  const target = new URL(url);
  const request = target.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(
      target,
      {
        method,
        // Over the system's own resolver *.localhost leads nowhere.
        hostname: "127.0.0.1",
        servername: target.hostname,
        ca: authority,
        headers: { host: target.host, ...headers },
        agent: false,
        ...(from === undefined ? {} : { localAddress: from }),
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => (body += text));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            body,
          }),
        );
      },
    );
    sent.once("error", reject);
    sent.end();
  });
}

export { expect } from "@playwright/test";
