// An old Node, with which `npm install` only warns, gets a sentence instead of a stack.
import { afterEach, expect, test, vi } from "vitest";
import { cloakroom } from "../src/index.ts";

afterEach(() => vi.unstubAllGlobals());

const withNode = (version: string) =>
  vi.stubGlobal("process", Object.create(process, { versions: { value: { ...process.versions, node: version } } }));

/** Starts the server of a project as Vite does. */
function start(): void {
  const server = { httpServer: null, config: { logger: { warn: () => undefined } }, ws: { on: () => undefined } };
  (cloakroom().configureServer as (server: unknown) => void)(server);
}

test.each(["20.20.2", "22.21.1"])("a server with Node %s does not start, and the error names the cure", (version) => {
  withNode(version);
  const message = `@cloakroom/vite needs Node 22.22 or later and found ${version}.`;
  // Vite prints the stack.
  expect(start).toThrow(expect.objectContaining({ message, stack: message }));
});

test("a build needs no gateway, so its Node may be older", () => {
  withNode("20.20.2");
  expect(cloakroom()).toMatchObject({ apply: "serve" });
});
