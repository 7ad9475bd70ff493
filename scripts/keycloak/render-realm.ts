// Prints the realm with its values from the environment: node scripts/keycloak/render-realm.ts > demo-realm.json
import { renderRealm } from "./realm.ts";

try {
  process.stdout.write(renderRealm(process.env));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
