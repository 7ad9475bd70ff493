// One application as the admin API sees it: from its configuration and a connection to its sessions.
import type { Config } from "../../config/config.ts";
import { createSealerFactory } from "../../lib/encryption.ts";
import { singleFlight } from "../../lib/single-flight.ts";
import type { Log } from "../../logging/log.ts";
import { createKeycloakSessions } from "../../provider/keycloak-sessions.ts";
import { createAdministration } from "../../session/administration.ts";
import { untilAcknowledged } from "../../store/session-cache.ts";
import type { Store } from "../../store/store.ts";
import type { AdminApplication } from "./admin-routes.ts";

type Dependencies = { config: Config; store: Store; log: Log };

export function createAdminApplication({ config, store, log }: Dependencies): AdminApplication {
  const { application, publicOrigin, provider, keycloakAdmin, sessionMaxMs, sessionCacheMs } = config;
  const administration = createAdministration({
    ...{ store, log, sessionMaxMs },
    untilAcknowledged: sessionCacheMs > 0 ? untilAcknowledged : () => Promise.resolve(),
  });
  const keycloak = keycloakAdmin && createKeycloakSessions(provider, keycloakAdmin);
  return {
    id: application.id,
    origin: publicOrigin,
    issuer: provider.tenants === undefined ? provider.issuer : undefined,
    administration,
    count: singleFlight(administration.count),
    sealer: createSealerFactory(config.secretKeys, application.id)("admin list"),
    endAtProvider: keycloak?.endOfUser,
  };
}
