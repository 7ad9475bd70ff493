// Behind the TLS proxy: what browsers get, and who is believed about where a request came from.
import { call, fillLoginForm, logIn, logOut } from "../../../e2e-keycloak/support/pages.ts";
import { expect, test } from "../test.ts";

const HSTS = "strict-transport-security";
const times = (rawHeaders: string[], name: string) =>
  rawHeaders.filter((each, at) => at % 2 === 0 && each.toLowerCase() === name).length;

test("a person logs in over TLS, gets a cookie that only TLS carries, and logs out everywhere", async ({
  page,
  context,
  rehearsal,
}) => {
  const { publicOrigin, keycloakOrigin } = rehearsal.installation;
  await page.goto(`${publicOrigin}/bff/login`);
  expect(new URL(page.url()).origin).toBe(keycloakOrigin);
  await fillLoginForm(page, { username: "alice", password: rehearsal.password("alice") });
  await page.waitForURL(`${publicOrigin}/**`);
  const cookie = (await context.cookies(publicOrigin)).find(({ name }) => name === "__Host-Http-session");
  expect(cookie).toMatchObject({
    secure: true,
    httpOnly: true,
    sameSite: "Strict",
    path: "/",
    domain: "app.localhost",
  });
  expect((await call(page, "/api/protected?message=hello")).status).toBe(200);
  await logOut(page, publicOrigin);
  await page.goto(`${publicOrigin}/bff/login`);
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
});

test("every answer over TLS says once that there is no other way", async ({ ask, rehearsal }) => {
  const { publicOrigin, keycloakOrigin } = rehearsal.installation;
  for (const url of [
    `${publicOrigin}/`,
    `${publicOrigin}/bff/user`,
    `${publicOrigin}/api/protected`,
    `${keycloakOrigin}/realms/demo/.well-known/openid-configuration`,
    `${keycloakOrigin}/realms/demo/account/`,
  ]) {
    const { headers, rawHeaders } = await ask(url);
    expect([url, times(rawHeaders, HSTS)]).toEqual([url, 1]);
    expect(headers[HSTS]).toMatch(/max-age=\d{8,}; includeSubDomains/);
    expect(headers["server"]).toBeUndefined();
    expect(headers["via"]).toBeUndefined();
  }
});

test("plain http leads to the same page over TLS", async ({ ask, rehearsal }) => {
  const { ports, publicOrigin } = rehearsal.installation;
  const { status, headers } = await ask(`http://app.localhost:${ports.http}/orders?page=2`);
  expect(status).toBe(308);
  expect(headers.location).toBe(`${publicOrigin}/orders?page=2`);
});

test("the gateway believes the proxy about a browser's address, and nobody else", async ({ ask, rehearsal }) => {
  const { ports, publicOrigin } = rehearsal.installation;
  const lines = () =>
    rehearsal
      .gatewayLog()
      .split("\n")
      .filter((line) => line.includes('"msg":"request"'))
      .map((line) => JSON.parse(line) as { path: string; clientAddress: string });
  const addressOf = (path: string) => lines().find((line) => line.path === path)?.clientAddress;
  const forged = { "x-forwarded-for": "203.0.113.9", forwarded: "for=203.0.113.9" };

  await ask(`${publicOrigin}/through-the-proxy`, { headers: forged, from: "127.0.0.3" });
  await expect.poll(() => addressOf("/through-the-proxy")).toBe("127.0.0.3");
  const direct = { ...forged, host: new URL(publicOrigin).host };
  await ask(`http://127.0.0.1:${ports.gateway}/past-the-proxy`, { headers: direct, from: "127.0.0.2" });
  await expect.poll(() => addressOf("/past-the-proxy")).toBe("127.0.0.2");
});

test("Keycloak believes the proxy about a browser's address, and nobody else", async ({ ask, rehearsal }) => {
  const { keycloakOrigin, ports } = rehearsal.installation;
  const forged = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-port": "1" };
  const path = (client: string) =>
    `/realms/demo/protocol/openid-connect/auth?client_id=${client}&response_type=code&redirect_uri=https://x.example`;
  const addressOf = (client: string) =>
    new RegExp(`clientId="${client}".*?ipAddress="([^"]+)"`).exec(rehearsal.keycloakLog())?.[1];

  await ask(keycloakOrigin + path("through-the-proxy"), { headers: forged, from: "127.0.0.3" });
  await expect.poll(() => addressOf("through-the-proxy")).toBe("127.0.0.3");
  await ask(`http://127.0.0.1:${ports.keycloak}${path("past-the-proxy")}`, { headers: forged, from: "127.0.0.2" });
  await expect.poll(() => addressOf("past-the-proxy")).toBe("127.0.0.2");
});

test("an event stream arrives event by event", async ({ page, rehearsal }) => {
  const { publicOrigin } = rehearsal.installation;
  await logIn(page, publicOrigin, { username: "alice", password: rehearsal.password("alice") });
  const first = await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        // It never ends: whoever waits for its end waits for ever.
        const events = new EventSource("/api/events");
        events.onmessage = ({ data }) => (events.close(), resolve(data));
        events.onerror = () => reject(new Error("the stream broke"));
      }),
  );
  expect(first).toBeTruthy();
});

test("a WebSocket passes, with the person's name known at its other end", async ({ page, rehearsal }) => {
  const { publicOrigin } = rehearsal.installation;
  await logIn(page, publicOrigin, { username: "alice", password: rehearsal.password("alice") });
  const answers = await page.evaluate(
    () =>
      new Promise<string>((resolve, reject) => {
        const socket = new WebSocket("/api/socket");
        let heard = "";
        socket.onmessage = ({ data }) => {
          heard += String(data);
          if (heard.includes("through the proxy")) resolve(heard);
          else socket.send("through the proxy");
        };
        socket.onopen = () => socket.send("through the proxy");
        socket.onerror = () => reject(new Error("the socket broke"));
      }),
  );
  expect(answers).toContain("alice");
});
