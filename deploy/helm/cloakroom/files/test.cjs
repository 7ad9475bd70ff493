// helm test: the Service responds for each application, rejects requests of other origins, and starts logins.
const { request } = require("node:http");

const { SERVICE, PORT, HOSTS } = process.env;
const ofTheApp = { "x-csrf": "1", "sec-fetch-site": "same-origin" };
const checks = HOSTS.split(" ").flatMap((host) => [
  {
    host,
    path: "/bff/user",
    headers: ofTheApp,
    expected: 200,
    cure: "is the gateway running, and is config.origin right?",
  },
  { host, path: "/bff/user", headers: {}, expected: 403, cure: "requests of other origins must be rejected" },
  {
    host,
    path: "/bff/login",
    headers: {},
    expected: 303,
    cure: "see /readyz: the gateway does not reach the provider or Redis",
  },
]);

const send = ({ host, path, headers }) =>
  new Promise((resolve) => {
    const options = { host: SERVICE, port: PORT, path, headers: { ...headers, host }, timeout: 15_000 };
    const sent = request(options, (response) => resolve(response.resume().statusCode));
    sent.on("timeout", () => sent.destroy(new Error("no response within 15 s")));
    sent.on("error", (error) => resolve(error.message));
    sent.end();
  });

void (async () => {
  for (const check of checks) {
    const status = await send(check);
    const passed = status === check.expected;
    if (!passed) process.exitCode = 1;
    console.log(
      `${passed ? "ok" : "FAILED"}  ${check.host} GET ${check.path}: ${status}${passed ? "" : `, expected ${check.expected} (${check.cure})`}`,
    );
  }
})();
