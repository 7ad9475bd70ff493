// Detects environment variables that look like settings of the gateway: misspelt names, unknown names of its families,
// and NAME_FILE of settings without a file form. Other names are accepted: they belong to other programs.
import { nearestName } from "./nearest-name.ts";
import { SETTINGS, type Setting } from "./settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const settings = Object.entries<Setting>(SETTINGS);
const fileForms = settings.filter(([, setting]) => setting.secret === true).map(([name]) => `${name}_FILE`);
const known: ReadonlySet<string> = new Set([...Object.keys(SETTINGS), ...fileForms]);
/** Letters. Shorter names such as HOST are not compared, because other programs use similar ones. */
const MIN_COMPARED_LENGTH = 6;
const compared = [...known].filter((name) => name.replaceAll("_", "").length >= MIN_COMPARED_LENGTH);

/** Name families of the gateway: an unknown name in one of them is an error. */
const OWN_FAMILY = /^(OIDC|SESSIONS?|UPSTREAMS?|SECRET_KEYS|TRUSTED_PROXY|TRUSTED_PROXIES|KEYCLOAK_ADMIN_CLIENT)_/;
/** Families shared with other programs (express-session, Laravel, proxies): an unknown name is a warning. */
const SHARED_FAMILY =
  /^(REDIS|MANAGEMENT)_|^UPSTREAM_(PROXY|HOST)$|^SESSION_(COOKIE|DRIVER|ID|KEY|NAME|SECRET|STORE|TYPE|USER)$/;
/** The X11 session manager of Linux desktops, and proxy variables of other programs, also in lower case. */
const FOREIGN = /^SESSION_MANAGER$|^(all|ftp|http|https|no|rsync|socks|ws|wss)_proxy$/i;

/** Set by Kubernetes for every Service of the namespace, and by Docker for every link. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$|_ENV_\w+$/;
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//;

export type UnknownSettings = {
  /** Misspelt names. */
  misspelt: string[];
  /** One sentence per name that prevents the start. */
  faults: string[];
  warnings: string[];
};

export function findUnknownSettings(env: Environment): UnknownSettings {
  const found: UnknownSettings = { misspelt: [], faults: [], warnings: [] };
  for (const [name, value] of Object.entries(env)) {
    // Empty means unset: Compose files pass `${NAME:-}`.
    if (value === undefined || value === "" || known.has(name) || FOREIGN.test(name)) continue;
    if (isServiceLink(name, value)) continue;
    const nearest = nearestName(name, compared);
    const fileless = filelessError(name);
    if (fileless !== undefined) found.faults.push(fileless);
    else if (nearest.isTypo && !hasAdditionalWord(name, nearest.name)) {
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

/** True for `DB_MAX_CONNECTIONS` and MAX_CONNECTIONS: an additional word is not a typo. */
function hasAdditionalWord(name: string, setting: string): boolean {
  const words = name.split("_");
  return words.some((word, at) => word !== "" && words.toSpliced(at, 1).join("_") === setting);
}

/** @returns the closest setting with the same first word */
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

function filelessError(name: string): string | undefined {
  const base = name.endsWith("_FILE") ? name.slice(0, -"_FILE".length) : "";
  if (base.length < MIN_COMPARED_LENGTH || !Object.hasOwn(SETTINGS, base)) return undefined;
  return `${name} is not a setting: only secrets are read from files (${fileForms.join(", ")}). Set ${base} itself.`;
}
