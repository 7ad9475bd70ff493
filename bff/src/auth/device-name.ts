// A User-Agent header → "Firefox on Linux": enough for a person to recognize their own device, and nothing more is kept.

/** In this order: browsers carry the names of those that they descend from. */
const BROWSERS: readonly (readonly [token: RegExp, name: string])[] = [
  [/\bEdg(e|A|iOS)?\//, "Edge"],
  [/\b(OPR|Opera)\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/\b(Chrome|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\bVersion\/\S+ .*\bSafari\//, "Safari"],
];

const SYSTEMS: readonly (readonly [token: RegExp, name: string])[] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMacintosh\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
];

/** Longer ones are no browser's; it bounds the work of the expressions above. */
const MAX_USER_AGENT_LENGTH = 512;

/** @returns undefined where neither browser nor system is one that people know by name. */
export function deviceName(userAgent: string): string | undefined {
  const text = userAgent.slice(0, MAX_USER_AGENT_LENGTH);
  const nameIn = (list: typeof BROWSERS) => list.find(([token]) => token.test(text))?.[1];
  const [browser, system] = [nameIn(BROWSERS), nameIn(SYSTEMS)];
  return browser !== undefined && system !== undefined ? `${browser} on ${system}` : (browser ?? system);
}
