// Prints the realm with values from the environment: npm run -s realm > demo-realm.json
import { renderRealm } from "@cloakroom/testkit/keycloak/realm.ts";

try {
  process.stdout.write(renderRealm(process.env));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
