// Smoke test of the composed system: logs in with a browser, calls the API and logs out.
// Usage: docker compose up --wait, then npm run compose:login
import { spawnSync } from "node:child_process";
import { chromium, type Page } from "playwright";

const origin = process.env["PUBLIC_ORIGIN"] ?? "http://localhost:3000";
const username = "alice";

const browser = await chromium.launch({
  // Chromium's sandbox does not start for root.
  chromiumSandbox: process.getuid?.() !== 0,
  ...(process.env["CHROMIUM"] === undefined ? {} : { executablePath: process.env["CHROMIUM"] }),
});
try {
  const page = await browser.newPage();
  await logIn(page, process.env["ALICE_PASSWORD"] ?? generatedPassword());
  expectStatus("GET /api/protected", await request(page, "GET", "/api/protected?message=hello"), 200);
  expectStatus("POST /bff/logout", await request(page, "POST", "/bff/logout"), 200);
  expectStatus("GET /api/protected after the logout", await request(page, "GET", "/api/protected?message=hello"), 401);
  console.log(`Logged in at ${origin} as ${username}, called the API, logged out.`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await browser.close();
}

/** Of the demo user in this composed system: `show` prints a line `alice  <password>`. */
function generatedPassword(): string {
  const args = ["compose", "run", "--rm", "-T", "--no-deps", "secrets", "show"];
  const { stdout, stderr } = spawnSync("docker", args, { encoding: "utf8" });
  const password = new RegExp(`^${username}\\s+(\\S+)`, "m").exec(stdout)?.[1];
  if (password === undefined) throw new Error(`docker ${args.join(" ")} printed no password of ${username}. ${stderr}`);
  return password;
}

async function logIn(page: Page, password: string): Promise<void> {
  await page.goto(`${origin}/bff/login`);
  await page.getByLabel(/Username/).fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.waitForURL(`${origin}/**`);
  const { body } = await request(page, "GET", "/bff/user");
  if (!body.includes(`"${username}"`)) throw new Error(`GET /bff/user names no user ${username}: ${body}`);
}

type Received = { status: number; body: string };

/** Sent by the page, with the header that the gateway's CSRF check requires. */
function request(page: Page, method: string, path: string): Promise<Received> {
  return page.evaluate(
    async (sent) => {
      const headers = { Accept: "application/json", "X-CSRF": "1" };
      const response = await fetch(sent.path, { method: sent.method, headers });
      return { status: response.status, body: await response.text() };
    },
    { method, path },
  );
}

function expectStatus(what: string, { status, body }: Received, expected: number): void {
  if (status !== expected) throw new Error(`${what}: expected ${expected}, received ${status}: ${body}`);
}
