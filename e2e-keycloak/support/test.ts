// The test function of this suite: the shared system, Keycloak's admin API, and users and gateways per test.
import { test as base } from "@playwright/test";
import { keycloakAdmin, type KeycloakAdmin } from "@cloakroom/testkit/keycloak/admin.ts";
import {
  startGatewayWithOwnClient,
  type GatewayOptions,
  type TestGateway,
} from "@cloakroom/testkit/keycloak/gateways.ts";
import { createUser, type TestUser, type UserOptions } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { readSharedSystem, type SharedSystem } from "@cloakroom/testkit/keycloak/shared-system.ts";

type Fixtures = {
  system: SharedSystem;
  admin: KeycloakAdmin;
  newUser: (options?: UserOptions) => Promise<TestUser>;
  /** Starts a gateway with its own client; it is stopped after the test. */
  newGateway: (options?: GatewayOptions) => Promise<TestGateway>;
};

export const test = base.extend<Fixtures>({
  // Playwright derives a fixture's dependencies from its destructuring pattern, which must not be empty.
  system: async ({ browserName: _browserName }, use) => use(readSharedSystem()),
  admin: async ({ system }, use) => use(keycloakAdmin(system.keycloak)),
  newUser: async ({ admin }, use) => use((options) => createUser(admin, options)),
  newGateway: async ({ system, admin }, use) => {
    const started: TestGateway[] = [];
    await use(async (options) => {
      const gateway = await startGatewayWithOwnClient(system, admin, options);
      started.push(gateway);
      return {
        ...gateway,
        startReplica: async () => {
          const replica = await gateway.startReplica();
          started.push(replica);
          return replica;
        },
      };
    });
    for (const gateway of started) await gateway.process.stop();
  },
});

export { expect } from "@playwright/test";
