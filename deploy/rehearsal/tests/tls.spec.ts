// The system behind the TLS proxy: login, HSTS, forwarded addresses, event streams and WebSockets.
import { call, fillLoginForm, logIn, logOut } from "@cloakroom/testkit/keycloak/pages.ts";
import { expect, test } from "../fixtures.ts";

const HSTS = "strict-transport-security";
const countHeader = (rawHeaders: string[], name: string) =>
  rawHeaders.filter((each, at) => at % 2 === 0 && each.toLowerCase() === name).length;

test("login over TLS sets a Secure __Host- cookie, and logout ends the Keycloak session too", async ({
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

test("every response over TLS has exactly one HSTS header and names no server software", async ({
  send,
  rehearsal,
}) => {
  const { publicOrigin, keycloakOrigin } = rehearsal.installation;
  for (const url of [
    `${publicOrigin}/`,
    `${publicOrigin}/bff/user`,
    `${publicOrigin}/api/protected`,
    `${keycloakOrigin}/realms/demo/.well-known/openid-configuration`,
    `${keycloakOrigin}/realms/demo/account/`,
  ]) {
    const { headers, rawHeaders } = await send(url);
    expect([url, countHeader(rawHeaders, HSTS)]).toEqual([url, 1]);
    expect(headers[HSTS]).toMatch(/max-age=\d{8,}; includeSubDomains/);
    expect(headers["server"]).toBeUndefined();
    expect(headers["via"]).toBeUndefined();
  }
});

test("plain HTTP redirects to the same path over TLS", async ({ send, rehearsal }) => {
  const { ports, publicOrigin } = rehearsal.installation;
  const { status, headers } = await send(`http://app.localhost:${ports.http}/orders?page=2`);
  expect(status).toBe(308);
  expect(headers.location).toBe(`${publicOrigin}/orders?page=2`);
});

test("the gateway takes the client address from the TLS proxy and ignores X-Forwarded-For from other addresses", async ({
  send,
  rehearsal,
}) => {
  const { ports, publicOrigin } = rehearsal.installation;
  const lines = () =>
    rehearsal
      .gatewayLog()
      .split("\n")
      .filter((line) => line.includes('"msg":"request"'))
      .map((line) => JSON.parse(line) as { path: string; clientAddress: string });
  const addressOf = (path: string) => lines().find((line) => line.path === path)?.clientAddress;
  const forged = { "x-forwarded-for": "203.0.113.9", forwarded: "for=203.0.113.9" };

  await send(`${publicOrigin}/through-the-proxy`, { headers: forged, from: "127.0.0.3" });
  await expect.poll(() => addressOf("/through-the-proxy")).toBe("127.0.0.3");
  const direct = { ...forged, host: new URL(publicOrigin).host };
  await send(`http://127.0.0.1:${ports.gateway}/past-the-proxy`, { headers: direct, from: "127.0.0.2" });
  await expect.poll(() => addressOf("/past-the-proxy")).toBe("127.0.0.2");
});

test("Keycloak takes the client address from the TLS proxy and ignores X-Forwarded-For from other addresses", async ({
  send,
  rehearsal,
}) => {
  const { keycloakOrigin, ports } = rehearsal.installation;
  const forged = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-port": "1" };
  const path = (client: string) =>
    `/realms/demo/protocol/openid-connect/auth?client_id=${client}&response_type=code&redirect_uri=https://x.example`;
  const addressOf = (client: string) =>
    new RegExp(`clientId="${client}".*?ipAddress="([^"]+)"`).exec(rehearsal.keycloakLog())?.[1];

  await send(keycloakOrigin + path("through-the-proxy"), { headers: forged, from: "127.0.0.3" });
  await expect.poll(() => addressOf("through-the-proxy")).toBe("127.0.0.3");
  await send(`http://127.0.0.1:${ports.keycloak}${path("past-the-proxy")}`, { headers: forged, from: "127.0.0.2" });
  await expect.poll(() => addressOf("past-the-proxy")).toBe("127.0.0.2");
});

test("the TLS proxy forwards an event stream without buffering", async ({ page, rehearsal }) => {
  const { publicOrigin } = rehearsal.installation;
  await logIn(page, publicOrigin, { username: "alice", password: rehearsal.password("alice") });
  const first = await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        // The stream never ends: resolves with the first event.
        const events = new EventSource("/api/events");
        events.onmessage = ({ data }) => (events.close(), resolve(data));
        events.onerror = () => reject(new Error("the stream broke"));
      }),
  );
  expect(first).toBeTruthy();
});

test("a WebSocket works through the TLS proxy, and the upstream knows the user", async ({ page, rehearsal }) => {
  const { publicOrigin } = rehearsal.installation;
  await logIn(page, publicOrigin, { username: "alice", password: rehearsal.password("alice") });
  const received = await page.evaluate(
    () =>
      new Promise<string>((resolve, reject) => {
        const socket = new WebSocket("/api/socket");
        let text = "";
        socket.onmessage = ({ data }) => {
          text += String(data);
          if (text.includes("through the proxy")) resolve(text);
          else socket.send("through the proxy");
        };
        socket.onopen = () => socket.send("through the proxy");
        socket.onerror = () => reject(new Error("the socket broke"));
      }),
  );
  expect(received).toContain("alice");
});
