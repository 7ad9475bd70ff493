// Cookie injection by a sibling host: forms of a cookie in which a lenient parser would find a cookie of the gateway.

/** @returns the name-value pair for Set-Cookie or document.cookie */
export type Forge = (name: string, value: string) => string;

export const FORGERIES: Readonly<Record<string, Forge>> = {
  "the exact name": (name, value) => `${name}=${value}`,
  "the name in upper case": (name, value) => `${name.toUpperCase()}=${value}`,
  "the name without a value": (name) => `${name}=`,
  "an empty name with the pair as its value": (name, value) => `=${name}=${value}`,
  "the name without an equals sign": (name) => name,
  "a space inside the value": (name, value) => `theme=x ${name}=${value}`,
  "a tab inside the value": (name, value) => `theme=x\t${name}=${value}`,
  "a no-break space inside the value": (name, value) => `theme=x\u00a0${name}=${value}`,
  "a comma inside the value": (name, value) => `theme=x,${name}=${value}`,
  "an unclosed quote": (name, value) => `theme="x ${name}=${value}`,
  "a no-break space before the name": (name, value) => `\u00a0${name}=${value}`,
  "a comma before the name": (name, value) => `a,${name}=${value}`,
  "a space inside the name": (name, value) => `a ${name}=${value}`,
};

/** Forms that an engine without cookie prefixes sends under the gateway's own cookie name. */
export const EXACT: ReadonlySet<string> = new Set(["the exact name", "an empty name with the pair as its value"]);

/** Browsers send the cookie with the longer path first; a parser that uses the first cookie would select it. */
export const PATHS = ["/", "/bff"] as const;

type Line = { pair: string; domain: string; path: string };

/** A cookie for the whole site. Browsers reject a name that begins with __Host- unless it is Secure. */
export const plantedLine = ({ pair, domain, path }: Line): string => `${pair}; Domain=${domain}; Path=${path}; Secure`;

export const expiredLine = (line: string): string => `${line}; Max-Age=0`;
