// The tests' fixtures: the running system, Keycloak's administrator, users and gateways of a test's own.
import { test as base } from "@playwright/test";
import { keycloakAdmin, type KeycloakAdmin } from "../../scripts/keycloak/admin.ts";
import { startOwnGateway, type GatewayWishes, type TestGateway } from "./gateways.ts";
import { createUser, type TestUser, type UserOptions } from "./realm-parts.ts";
import { world as readWorld, type World } from "./world.ts";

type Fixtures = {
  world: World;
  admin: KeycloakAdmin;
  newUser: (options?: UserOptions) => Promise<TestUser>;
  /** A gateway with a client of its own; it ends with the test. */
  newGateway: (wishes?: GatewayWishes) => Promise<TestGateway>;
};

export const test = base.extend<Fixtures>({
  // Playwright reads from the pattern which fixtures this one needs.
  world: async ({ browserName: _browserName }, use) => use(readWorld()),
  admin: async ({ world }, use) => use(keycloakAdmin(world.keycloak)),
  newUser: async ({ admin }, use) => use((options) => createUser(admin, options)),
  newGateway: async ({ world, admin }, use) => {
    const started: TestGateway[] = [];
    await use(async (wishes) => {
      const gateway = await startOwnGateway(world, admin, wishes);
      started.push(gateway);
      return {
        ...gateway,
        twin: async () => {
          const twin = await gateway.twin();
          started.push(twin);
          return twin;
        },
      };
    });
    for (const gateway of started) await gateway.process.stop();
  },
});

export { expect } from "@playwright/test";
