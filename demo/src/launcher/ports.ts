// Which ports the launcher uses, and one clear line for each that it cannot have.
import { freePort, isPortTaken } from "@cloakroom/testing/free-port.ts";

export type PortPlan = { gateway: number; management: number; provider: number; api: number };

type Port = { part: keyof PortPlan; name: string; setting: string; fallback: number };

const PORTS: readonly Port[] = [
  { part: "gateway", name: "the gateway", setting: "PORT", fallback: 3000 },
  { part: "management", name: "the gateway's management listener", setting: "MANAGEMENT_PORT", fallback: 9000 },
  { part: "provider", name: "the OpenID Provider", setting: "PROVIDER_PORT", fallback: 4000 },
  { part: "api", name: "the resource API", setting: "API_PORT", fallback: 8000 },
];

type Environment = Readonly<Record<string, string | undefined>>;
export type PlannedPorts = { kind: "planned"; ports: PortPlan } | { kind: "refused"; lines: string[] };

export async function planPorts(env: Environment, command: string): Promise<PlannedPorts> {
  const lines: string[] = [];
  const moves: string[] = [];
  const ports: Partial<PortPlan> = {};
  const used = new Set(PORTS.map(({ setting, fallback }) => wantedPort(env[setting], fallback)));
  for (const { part, name, setting, fallback } of PORTS) {
    const port = wantedPort(env[setting], fallback);
    const sharer = PORTS.find((other) => ports[other.part] === port);
    const refuse = async (why: string) => {
      const move = `${setting}=${await nextFree(port, used)}`;
      moves.push(move);
      lines.push(`Port ${port}${why}. Move it: ${move} ${command}`);
    };
    if (Number.isNaN(port)) lines.push(`${setting} must be a port number from 1 to 65535, for ${name}.`);
    else if (sharer !== undefined) await refuse(` is given to ${sharer.name} and to ${name}`);
    else if (await isPortTaken(port)) await refuse(`, for ${name}, is taken`);
    ports[part] = port;
  }
  if (moves.length > 1) lines.push(`All at once: ${moves.join(" ")} ${command}`);
  const { gateway, management, provider, api } = ports;
  const isComplete = gateway !== undefined && management !== undefined && provider !== undefined && api !== undefined;
  if (!isComplete || lines.length > 0) return { kind: "refused", lines };
  return { kind: "planned", ports: { gateway, management, provider, api } };
}

/** @returns NaN for what is no port */
function wantedPort(text: string | undefined, fallback: number): number {
  if (text === undefined || text === "") return fallback;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port >= 1 && port <= 65_535 ? port : Number.NaN;
}

/** The cure must work: neither taken nor meant for another part, nor suggested twice. */
async function nextFree(from: number, used: Set<number>): Promise<number> {
  for (let port = from + 1; port <= 65_535; port += 1)
    if (!used.has(port) && !(await isPortTaken(port))) {
      used.add(port);
      return port;
    }
  return freePort();
}
