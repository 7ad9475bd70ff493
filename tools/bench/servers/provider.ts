// OpenID Provider of all contestants, in a separate process.
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { ProviderClient, UserInput } from "@cloakroom/testing/provider/types.ts";

await startProvider({
  port: Number(process.env["PORT"]),
  // A low password cost: the logins of the contestants are measured, not the provider.
  passwordCost: 1_024,
  lifetimes: { accessTokenSeconds: 7_200 },
  clients: JSON.parse(process.env["CLIENTS"] ?? "[]") as ProviderClient[],
  users: JSON.parse(process.env["USERS"] ?? "[]") as UserInput[],
});
process.on("disconnect", () => process.exit());
