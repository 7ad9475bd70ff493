// Failing checks at the start of a gateway: logged once. Afterwards /readyz and the metrics report them.
import type { Log } from "../logging/log.ts";
import type { ReadinessCheck } from "../metrics/dependency-check.ts";

type CheckedApplication = { readinessChecks: readonly ReadinessCheck[]; log: Pick<Log, "error"> };

const CONSEQUENCES: Readonly<Record<string, string>> = {
  provider: "logins fail until the provider can be used",
  "keycloak-admin": "sessions at Keycloak cannot be ended until its Admin API can be used",
};

export async function reportFailingChecks(applications: readonly CheckedApplication[]): Promise<void> {
  await Promise.all(applications.map(report));
}

async function report({ readinessChecks, log }: CheckedApplication): Promise<void> {
  for (const [name, consequence] of Object.entries(CONSEQUENCES)) {
    const result = await readinessChecks.find((each) => each.name === name)?.check();
    if (result !== undefined && result.status !== "ok") log.error(consequence, { reason: result.detail });
  }
}
