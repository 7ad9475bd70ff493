// The OpenID Provider at which every contestant's users log in, in a process of its own.
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { ProviderClient, UserInput } from "@cloakroom/testing/provider/types.ts";

await startProvider({
  port: Number(process.env["PORT"]),
  // Logins are measured: the provider's own work is kept small and is the same for all.
  passwordCost: 1_024,
  lifetimes: { accessTokenSeconds: 7_200 },
  clients: JSON.parse(process.env["CLIENTS"] ?? "[]") as ProviderClient[],
  users: JSON.parse(process.env["USERS"] ?? "[]") as UserInput[],
});
process.on("disconnect", () => process.exit());
