// Playwright fixtures: the running installation, and a browser that trusts its CA.
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { test as base } from "@playwright/test";
import { startRehearsal, type Rehearsal } from "./rehearsal.ts";

const SPA_VARIABLE = "CLOAKROOM_REHEARSAL_SPA";

type SendOptions = {
  headers?: Record<string, string>;
  method?: string;
  /** Source address, e.g. 127.0.0.3. */ from?: string;
};
export type ReceivedResponse = { status: number; headers: IncomingHttpHeaders; rawHeaders: string[]; body: string };

type WorkerFixtures = { rehearsal: Rehearsal };
type Fixtures = {
  /** Sends a request outside the browser to a *.localhost name, optionally from another loopback address. */
  send: (url: string, options?: SendOptions) => Promise<ReceivedResponse>;
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
      // Chromium's sandbox does not start as root.
      if (process.getuid?.() === 0) args.push("--no-sandbox");
      await use({ ...launchOptions, args });
    },
    { scope: "worker" },
  ],
  send: async ({ rehearsal }, use) => use((url, options) => sendRequest(rehearsal.tls.authority, url, options)),
});

function sendRequest(
  authority: string,
  url: string,
  { headers = {}, method = "GET", from }: SendOptions = {},
): Promise<ReceivedResponse> {
  const target = new URL(url);
  const request = target.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(
      target,
      {
        method,
        // The system resolver may not know *.localhost.
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
