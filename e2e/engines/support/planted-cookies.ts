// How a sibling host can write a cookie so that a careless parser finds one of ours in it.

/** Name and value as they stand in a Set-Cookie line, or in what a script assigns to document.cookie. */
export type Forge = (name: string, value: string) => string;

export const FORGERIES: Readonly<Record<string, Forge>> = {
  "our name": (name, value) => `${name}=${value}`,
  "our name in capitals": (name, value) => `${name.toUpperCase()}=${value}`,
  "our name without a value": (name) => `${name}=`,
  "no name, and our pair as the value": (name, value) => `=${name}=${value}`,
  "no name and no equals sign": (name) => name,
  "a blank inside the value": (name, value) => `theme=x ${name}=${value}`,
  "a tab inside the value": (name, value) => `theme=x\t${name}=${value}`,
  "a no-break space inside the value": (name, value) => `theme=x\u00a0${name}=${value}`,
  "a comma inside the value": (name, value) => `theme=x,${name}=${value}`,
  "a quote that stays open": (name, value) => `theme="x ${name}=${value}`,
  "a no-break space before our name": (name, value) => `\u00a0${name}=${value}`,
  "a comma before our name": (name, value) => `a,${name}=${value}`,
  "a blank inside the name": (name, value) => `a ${name}=${value}`,
};

/** What an engine without cookie prefixes sends as our very cookie. */
export const EXACT: ReadonlySet<string> = new Set(["our name", "no name, and our pair as the value"]);

/** Browsers send the cookie of the longer path first, where a parser that takes the first one finds it. */
export const PATHS = ["/", "/bff"] as const;

type Line = { pair: string; domain: string; path: string };

/** As a sibling host sets it for the whole site. Without Secure no browser takes a name that begins with __Host-. */
export const plantedLine = ({ pair, domain, path }: Line): string => `${pair}; Domain=${domain}; Path=${path}; Secure`;

export const expired = (line: string): string => `${line}; Max-Age=0`;
