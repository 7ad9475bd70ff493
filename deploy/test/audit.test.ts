// npm run audit on sample log lines. On real logs: deploy/rehearsal/tests/audit.spec.ts.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { providerSessionName } from "@cloakroom/gateway/src/session/session.ts";
import { nameOfSession, parseLine } from "../audit/audit-event.ts";
import { createTimeline } from "../audit/timeline.ts";

const SID = "4f1c8e9a-0d6e-4f55-9f1b-6f0b4f2d7a11";
const USER = "9a6d1f0e-1111-4222-8333-444455556666";

const gateway = (fields: object, time = "2026-11-26T18:05:03.000Z") =>
  JSON.stringify({ level: 30, time, service: "cloakroom", ...fields, msg: "security event" });
const keycloak = (fields: Record<string, string>, time = "2026-11-26T18:05:02.500+00:00", level = "DEBUG") =>
  `${time} ${level} [org.keycloak.events] (executor-thread-1) ${Object.entries(fields)
    .map(([name, value]) => `${name}="${value}"`)
    .join(", ")}`;
const login = keycloak({
  type: "LOGIN",
  realmName: "demo",
  clientId: "cloakroom",
  userId: USER,
  sessionId: SID,
  ipAddress: "192.0.2.7",
  code_id: "a-code",
  redirect_uri: "https://app.example/bff/callback?code=another",
  username: "alice",
});

describe("parseLine", () => {
  it("parseLine keeps user, time, address and session of a Keycloak event and drops codes and session ids", () => {
    const event = parseLine(`keycloak-1  | ${login}`);
    expect(event).toEqual({
      atMs: Date.parse("2026-11-26T18:05:02.500Z"),
      source: "keycloak",
      event: "LOGIN",
      subject: USER,
      username: "alice",
      providerSession: nameOfSession(SID),
      address: "192.0.2.7",
      client: "cloakroom",
    });
    expect(JSON.stringify(event)).not.toMatch(/code|4f1c8e9a/);
  });

  it("parseLine names a provider session like the gateway does", () => {
    expect(nameOfSession(SID)).toBe(providerSessionName(SID));
  });

  it("parseLine drops the username of a failed login for an unknown user, which may be a password", () => {
    const fields = { type: "LOGIN_ERROR", userId: "null", error: "user_not_found", username: "hunter2-my-password" };
    const event = parseLine(keycloak(fields));
    expect(event).toMatchObject({ event: "LOGIN_ERROR", detail: "user_not_found" });
    expect(JSON.stringify(event)).not.toContain("hunter2");
  });

  it.each([
    ["null", { sessionId: "null" }],
    ["empty", { sessionId: "" }],
    ["absent", {}],
  ])(
    "parseLine has no provider session if the session id is %s, so that unrelated events do not share a hash",
    (_what, fields) => {
      const event = parseLine(keycloak({ type: "LOGIN_ERROR", userId: USER, username: "alice", ...fields }));
      expect(event).toMatchObject({ event: "LOGIN_ERROR", username: "alice" });
      expect(event).not.toHaveProperty("providerSession");
    },
  );

  it.each([
    ["null", { userId: "null" }],
    ["empty", { userId: "" }],
    ["absent", {}],
  ])("parseLine drops the username if the user id is %s, because it may be a password", (_what, fields) => {
    const event = parseLine(keycloak({ type: "LOGIN_ERROR", username: "hunter2-my-password", ...fields }));
    expect(event).toMatchObject({ event: "LOGIN_ERROR" });
    expect(JSON.stringify(event)).not.toContain("hunter2");
  });

  it("parseLine describes an admin event by operation and resource", () => {
    const fields = { operationType: "UPDATE", resourceType: "USER", resourcePath: `users/${USER}`, userId: "admin-id" };
    expect(parseLine(keycloak(fields))).toMatchObject({ event: "ADMIN_UPDATE", detail: `USER users/${USER}` });
  });

  it("parseLine reads a time without a zone as UTC, as in a container", () => {
    const event = parseLine(keycloak({ type: "LOGOUT" }, "2026-11-26 18:05:02,500"));
    expect(event?.atMs).toBe(Date.parse("2026-11-26T18:05:02.500Z"));
  });

  it("parseLine ignores gateway log lines without an event name", () => {
    expect(parseLine(gateway({ event: "logout", session: "handle" }))).toMatchObject({ event: "logout" });
    expect(parseLine(gateway({ path: "/", status: 200 }))).toBeUndefined();
  });

  it.each([
    ["truncated JSON", '{"level":30,"time":"2026-11-26T18:05:03.000Z","service":"cloakroom","event":'],
    ["JSON of another service", '{"level":30,"service":"other","event":"logout","time":"2026-11-26T18:05:03.000Z"}'],
    ["an invalid time", gateway({ event: "logout" }, "yesterday")],
    ["too long", gateway({ event: "logout", reason: "x".repeat(20_000) })],
    ["empty", ""],
  ])("ignores a line that is %s", (_what, line) => expect(parseLine(line)).toBeUndefined());

  it("parseLine replaces control characters, so that log content cannot move the terminal's cursor", () => {
    const event = parseLine(gateway({ event: "request_rejected", reason: "\u001b[2Jgone\r\nfake line" }));
    expect(event?.detail).toBe("?[2Jgone??fake line");
  });
});

describe("the timeline", () => {
  it("the timeline sorts events of both sources by time and adds username and provider session from each other", () => {
    const timeline = createTimeline();
    const lines = [
      gateway({ event: "login_completed", session: "h1", subject: USER, providerSession: nameOfSession(SID) }),
      gateway({ event: "refresh_rejected", session: "h1" }, "2026-11-26T18:06:00.000Z"),
      login,
    ];
    for (const line of lines) timeline.add(parseLine(line)!);
    expect(timeline.take().map(({ event, username, providerSession }) => [event, username, providerSession])).toEqual([
      ["LOGIN", "alice", nameOfSession(SID)],
      ["login_completed", "alice", nameOfSession(SID)],
      ["refresh_rejected", undefined, nameOfSession(SID)],
    ]);
  });

  it("the timeline holds events back for up to 1.5 s for the slower source", () => {
    const timeline = createTimeline();
    timeline.add(parseLine(login)!);
    expect(timeline.take(Date.now())).toEqual([]);
    expect(timeline.take(Date.now() + 2_000)).toHaveLength(1);
  });

  it("the timeline holds back at most 10,000 events", () => {
    const timeline = createTimeline();
    const event = parseLine(login)!;
    for (let count = 0; count < 10_050; count++) timeline.add(event);
    expect(timeline.take(Date.now()).length).toBeGreaterThanOrEqual(50);
  });
});

describe("npm run audit", () => {
  const run = (args: string[], input: string) =>
    spawnSync(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "../audit/main.ts"), ...args],
      { input, encoding: "utf8" },
    );
  const input = [gateway({ event: "login_completed", subject: USER }), "noise", login].join("\n");

  it("npm run audit prints one row per event", () => {
    const { stdout, status } = run([], input);
    expect(status).toBe(0);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((row) => row.split(/ {2,}/).slice(1, 4)),
    ).toEqual([
      ["keycloak", "LOGIN", "alice"],
      ["gateway", "login_completed", "alice"],
    ]);
  });

  it("npm run audit prints JSON lines with --json and filters with --user", () => {
    const { stdout } = run(["--json", "--user", "bob"], input);
    expect(stdout).toBe("");
    const lines = run(["--json", "--user", "alice"], input).stdout.trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(["LOGIN", "login_completed"]);
  });

  it("npm run audit names a file that cannot be read and exits with 1", () => {
    const { stderr, status } = run(["/nowhere.log"], "");
    expect([status, stderr.includes("/nowhere.log")]).toEqual([1, true]);
  });
});
