// Binds the forward-auth listener to its address or Unix socket; errors name FORWARD_AUTH_LISTEN.
import { once } from "node:events";
import { chmodSync, unlinkSync } from "node:fs";
import type { Server } from "node:http";
import { connect, type ListenOptions } from "node:net";
import type { ForwardAuthAddress } from "../../config/forward-auth-settings.ts";
import { ListenError } from "../../http/listen.ts";

/** The proxy's user needs the group of the socket, which is that of its folder if the folder has the setgid bit. */
const SOCKET_MODE = 0o660;

/** @throws ListenError */
export async function listenForwardAuth(server: Server, address: ForwardAuthAddress): Promise<void> {
  try {
    if (address.kind === "tcp") await bind(server, { host: address.host, port: address.port });
    else await bindSocket(server, address.path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new ListenError(listenErrorText(code, address), { cause: error });
  }
}

async function bind(server: Server, options: ListenOptions): Promise<void> {
  server.listen(options);
  await once(server, "listening");
}

/** A socket file without a listener is what a killed process has left. */
async function bindSocket(server: Server, path: string): Promise<void> {
  try {
    await bind(server, { path });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    if (!(await hasListener(path))) unlinkSync(path);
    // In a worker, another one may have bound it in the meantime: both share it.
    await bind(server, { path });
  }
  chmodSync(path, SOCKET_MODE);
}

async function hasListener(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ECONNREFUSED";
  } finally {
    socket.destroy();
  }
}

/** @returns one sentence with the setting and the fix */
function listenErrorText(code: string, address: ForwardAuthAddress): string {
  if (address.kind === "unix") {
    if (code === "EADDRINUSE")
      return `FORWARD_AUTH_LISTEN ${address.path} is used by another process. Stop that one, or choose another path.`;
    return `FORWARD_AUTH_LISTEN ${address.path} cannot be created (${code}). Create its folder, and allow the gateway's user to write to it.`;
  }
  const { host, port } = address;
  if (code === "EADDRINUSE")
    return `FORWARD_AUTH_LISTEN ${host}:${port} is taken by another process. Stop that one, or choose another port.`;
  return `FORWARD_AUTH_LISTEN ${host}:${port} cannot be used (${code}). Set an address of this machine with a free port from 1024 up.`;
}
