// npm run audit: merges the security events of the gateway's and Keycloak's logs, sorted by time.
//   docker compose logs --no-log-prefix gateway keycloak | npm run -s audit
//   docker compose logs --no-log-prefix -f gateway keycloak | npm run -s audit -- --json
//   npm run -s audit -- --user alice gateway.log keycloak.log
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { parseLine, type AuditEvent } from "./audit-event.ts";
import { createTimeline } from "./timeline.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, user: { type: "string" }, session: { type: "string" } },
});
const timeline = createTimeline();
const printTimer = setInterval(() => print(timeline.take(Date.now())), 250);
// The reader may close the pipe early: `| head`.
process.stdout.on("error", () => process.exit(0));
try {
  const inputs = positionals.length === 0 ? [process.stdin] : positionals.map((file) => createReadStream(file));
  await Promise.all(
    inputs.map(async (input) => {
      for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
        const event = parseLine(line);
        if (event !== undefined) timeline.add(event);
      }
    }),
  );
  print(timeline.take());
} catch (error) {
  console.error(`Cannot read the log: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  clearInterval(printTimer);
}

function print(events: readonly AuditEvent[]): void {
  for (const event of events)
    if (isWanted(event)) process.stdout.write(`${values.json ? asJson(event) : asRow(event)}\n`);
}

function isWanted({ username, subject, session, providerSession }: AuditEvent): boolean {
  const { user, session: wanted } = values;
  if (user !== undefined && user !== username && user !== subject) return false;
  return wanted === undefined || wanted === session || wanted === providerSession;
}

function asJson({ atMs, ...rest }: AuditEvent): string {
  return JSON.stringify({ time: new Date(atMs).toISOString(), ...rest });
}

function asRow({
  atMs,
  source,
  event,
  username,
  subject,
  providerSession,
  address,
  client,
  detail,
}: AuditEvent): string {
  return [
    new Date(atMs).toISOString(),
    source.padEnd(8),
    event.padEnd(24),
    (username ?? subject ?? "-").padEnd(16),
    (providerSession ?? "-").padEnd(12),
    (address ?? "-").padEnd(15),
    [client, detail].filter((part) => part !== undefined).join(" "),
  ]
    .join("  ")
    .trimEnd();
}
