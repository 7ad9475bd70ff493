// Binds a listener; errors name the setting that the address comes from.
import type { Server } from "node:http";
import { kindOfCode, type NetworkErrorKind } from "../lib/network-errors.ts";

export type ListenAddress = { host: string; port: number };
/** Prefix of the settings HOST and PORT. */
export type SettingPrefix = "" | "MANAGEMENT_";

/** The message names the setting, the rule and the cure. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** @throws ListenError */
export function listen(server: Server, address: ListenAddress, prefix: SettingPrefix): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void =>
      reject(new ListenError(listenErrorText(error.code ?? "unknown error", address, prefix), { cause: error }));
    server.once("error", onError);
    server.listen(address.port, address.host, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

/** @returns one sentence with the setting and the fix */
export function listenErrorText(code: string, { host, port }: ListenAddress, prefix: SettingPrefix): string {
  const texts: Partial<Record<NetworkErrorKind, string>> = {
    address_in_use: `${prefix}PORT ${port} is taken by another process. Stop that one, or set another ${prefix}PORT.`,
    address_not_permitted: `${prefix}PORT ${port} is not allowed for this user (${code}). Set one from 1024 up, or grant CAP_NET_BIND_SERVICE.`,
    dns: `${prefix}HOST "${host}" is a name that cannot be resolved (${code}). Set an address of this machine, e.g. 127.0.0.1.`,
    address_not_available: `${prefix}HOST "${host}" is not an address of this machine (${code}). Set one of its own, e.g. 127.0.0.1, or 0.0.0.0 for all.`,
  };
  return (
    texts[kindOfCode(code) ?? "system"] ??
    `${prefix}HOST "${host}" with ${prefix}PORT ${port} cannot be used (${code}). Correct one of the two.`
  );
}
