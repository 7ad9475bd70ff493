// Stand-in for the gateway process in tests: responds with its environment. FAKE selects a failure.
import { createServer } from "node:http";

const { PORT, MANAGEMENT_PORT, FAKE = "" } = process.env;
if (FAKE === "invalid-settings") {
  process.stderr.write("The gateway cannot start: one setting is wrong.\n");
  process.exit(78);
}
createServer((_req, res) => res.end(JSON.stringify(process.env))).listen(Number(PORT), "127.0.0.1");
const checks = {
  store: { status: "failed", detail: "the store cannot be reached. Start it" },
  cache: { status: "degraded", detail: "off" },
};
createServer((_req, res) => {
  if (FAKE === "not-ready") res.writeHead(503).end(JSON.stringify({ status: "failed", checks }));
  else res.end("ready");
}).listen(Number(MANAGEMENT_PORT), "127.0.0.1");
process.stdout.write(`${JSON.stringify({ level: 30, msg: "listening", url: process.env["PUBLIC_ORIGIN"] })}\n`);
process.on("SIGTERM", () => {
  process.stdout.write(`${JSON.stringify({ level: 30, msg: "draining" })}\n`);
  process.exit(0);
});
