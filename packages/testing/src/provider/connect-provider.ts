// Client of control-server.ts: controls a provider that runs in another process.
import { OPERATIONS, type ProviderControl } from "./control.ts";

/** @throws Error if no control listens at `url` */
export async function connectProvider(url: string): Promise<ProviderControl> {
  const call = async (operation: string, args: readonly unknown[]): Promise<unknown> => {
    const response = await fetch(new URL(`/${operation}`, url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(args),
    }).catch((cause: unknown) => {
      throw new Error(`No provider control at ${url}. Start it with cloakroom-provider.`, { cause });
    });
    const { result, error } = (await response.json()) as { result?: unknown; error?: string };
    if (!response.ok) throw new Error(`${operation}: ${error}`);
    return result;
  };
  const operations = Object.fromEntries(
    OPERATIONS.map((operation) => [operation, (...args: unknown[]) => call(operation, args)]),
  );
  return { ...operations, issuer: String(await call("issuer", [])) } as ProviderControl;
}
