// Environment variables that look like settings of the gateway and are none: misspelt names, invented names, and
// NAME_FILE of settings that have no file form. The environment holds variables of others too, so most names pass.
import { nearestName } from "./nearest-name.ts";
import { SETTINGS, type Setting } from "./settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const settings = Object.entries<Setting>(SETTINGS);
const fileForms = settings.filter(([, setting]) => setting.secret === true).map(([name]) => `${name}_FILE`);
const known: ReadonlySet<string> = new Set([...Object.keys(SETTINGS), ...fileForms]);
/** Letters: names as short as HOST are not compared, because other programs have a POST or a HOSTS of their own. */
const MIN_COMPARED_LENGTH = 6;
const compared = [...known].filter((name) => name.replaceAll("_", "").length >= MIN_COMPARED_LENGTH);

/** Name families of the gateway: a name among them that is no setting stops the start. */
const OWN_FAMILY = /^(OIDC|SESSIONS?|UPSTREAMS?|SECRET_KEYS|TRUSTED_PROXY|TRUSTED_PROXIES|KEYCLOAK_ADMIN_CLIENT)_/;
/** Often set for other programs as well (express-session, Laravel, proxies): only a warning. */
const SHARED_FAMILY =
  /^(REDIS|MANAGEMENT)_|^UPSTREAM_(PROXY|HOST)$|^SESSION_(COOKIE|DRIVER|ID|KEY|NAME|SECRET|STORE|TYPE|USER)$/;
/** The X11 session manager, on every Linux desktop. */
const FOREIGN: ReadonlySet<string> = new Set(["SESSION_MANAGER"]);

/** Kubernetes sets these for every Service of the namespace, Docker for every link. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$|_ENV_\w+$/;
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//;

export type UnknownSettings = {
  /** Misspelt names. */
  misspelt: string[];
  /** One sentence for each name that stops the start. */
  faults: string[];
  warnings: string[];
};

export function findUnknownSettings(env: Environment): UnknownSettings {
  const found: UnknownSettings = { misspelt: [], faults: [], warnings: [] };
  for (const [name, value] of Object.entries(env)) {
    // Empty means unset: compose files pass `${NAME:-}` on.
    if (value === undefined || value === "" || known.has(name) || FOREIGN.has(name)) continue;
    if (isServiceLink(name, value)) continue;
    const nearest = nearestName(name, compared);
    const fileless = filelessFault(name);
    if (fileless !== undefined) found.faults.push(fileless);
    else if (nearest.isTypo && !hasWordMore(name, nearest.name)) {
      found.misspelt.push(name);
      found.faults.push(`${name} is not a setting. Did you mean ${nearest.name}? Correct the name, or remove it.`);
    } else if (SHARED_FAMILY.test(name))
      found.warnings.push(`${name} is not a setting and has no effect; the nearest is ${nearestInFamily(name)}`);
    else if (OWN_FAMILY.test(name))
      found.faults.push(
        `${name} is not a setting; the nearest is ${nearestInFamily(name)}. Correct the name, or remove it.`,
      );
  }
  return found;
}

/** `DB_MAX_CONNECTIONS`, `MAX_DB_CONNECTIONS`: few letters more, but about something else. */
function hasWordMore(name: string, setting: string): boolean {
  const words = name.split("_");
  return words.some((word, at) => word !== "" && words.toSpliced(at, 1).join("_") === setting);
}

/** The nearest of those with the same first word. */
function nearestInFamily(name: string): string {
  const [word = ""] = name.split(/S?_/, 1);
  return nearestName(
    name,
    compared.filter((each) => each.startsWith(word)),
  ).name;
}

function isServiceLink(name: string, value: string): boolean {
  return SERVICE_LINK.test(name) || SERVICE_ADDRESS.test(value) || (name.endsWith("_NAME") && value.startsWith("/"));
}

function filelessFault(name: string): string | undefined {
  const base = name.endsWith("_FILE") ? name.slice(0, -"_FILE".length) : "";
  if (base.length < MIN_COMPARED_LENGTH || !Object.hasOwn(SETTINGS, base)) return undefined;
  return `${name} is not a setting: only secrets are read from files (${fileForms.join(", ")}). Set ${base} itself.`;
}
