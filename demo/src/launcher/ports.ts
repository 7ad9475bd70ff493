// The launcher's ports, checked before anything starts: one message per invalid, duplicate or used port.
import { freePort, isPortTaken } from "@cloakroom/testing/free-port.ts";

export type PortPlan = { gateway: number; management: number; provider: number; api: number };

type PortSetting = { component: keyof PortPlan; name: string; setting: string; defaultPort: number };

const PORTS: readonly PortSetting[] = [
  { component: "gateway", name: "the gateway", setting: "PORT", defaultPort: 3000 },
  { component: "management", name: "the gateway's management listener", setting: "MANAGEMENT_PORT", defaultPort: 9000 },
  { component: "provider", name: "the OpenID Provider", setting: "PROVIDER_PORT", defaultPort: 4000 },
  { component: "api", name: "the resource API", setting: "API_PORT", defaultPort: 8000 },
];

type Environment = Readonly<Record<string, string | undefined>>;
export type PlannedPorts = { kind: "planned"; ports: PortPlan } | { kind: "rejected"; messages: string[] };

export async function planPorts(env: Environment, command: string): Promise<PlannedPorts> {
  const messages: string[] = [];
  const alternatives: string[] = [];
  const ports: Partial<PortPlan> = {};
  const used = new Set(PORTS.map(({ setting, defaultPort }) => parsePort(env[setting], defaultPort)));
  for (const { component, name, setting, defaultPort } of PORTS) {
    const port = parsePort(env[setting], defaultPort);
    const duplicate = PORTS.find((other) => ports[other.component] === port);
    const reject = async (problem: string) => {
      const alternative = `${setting}=${await nextFreePort(port, used)}`;
      alternatives.push(alternative);
      messages.push(`Port ${port} ${problem}. Use another one: ${alternative} ${command}`);
    };
    if (Number.isNaN(port)) messages.push(`${setting} must be a port number from 1 to 65535, for ${name}.`);
    else if (duplicate !== undefined) await reject(`is configured for ${duplicate.name} and for ${name}`);
    else if (await isPortTaken(port)) await reject(`for ${name} is already in use`);
    ports[component] = port;
  }
  if (alternatives.length > 1) messages.push(`All at once: ${alternatives.join(" ")} ${command}`);
  const { gateway, management, provider, api } = ports;
  const isComplete = gateway !== undefined && management !== undefined && provider !== undefined && api !== undefined;
  if (!isComplete || messages.length > 0) return { kind: "rejected", messages };
  return { kind: "planned", ports: { gateway, management, provider, api } };
}

/** @returns NaN for an invalid port */
function parsePort(text: string | undefined, defaultPort: number): number {
  if (text === undefined || text === "") return defaultPort;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return port >= 1 && port <= 65_535 ? port : Number.NaN;
}

/** The next port that is not in use, not configured for another component and not suggested before. */
async function nextFreePort(from: number, used: Set<number>): Promise<number> {
  for (let port = from + 1; port <= 65_535; port += 1)
    if (!used.has(port) && !(await isPortTaken(port))) {
      used.add(port);
      return port;
    }
  return freePort();
}
