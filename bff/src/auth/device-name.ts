// A User-Agent header → "Firefox on Linux": enough for a person to recognize their own device, and nothing more is kept.
// Every label is built from the names below: no text of the header reaches a page.

type Names = readonly (readonly [token: RegExp, name: string])[];

/** Crawlers and link previews carry a browser's name. */
const BOT = /bot[/\-;]|crawler|spider|externalhit/i;

/** In this order: browsers carry the names of those that they descend from. */
const BROWSERS: Names = [
  [/\bEdg(e|A|iOS|W)?\//, "Edge"],
  [/\b(OPR|OPT|OPX|Opera|Opera Mini)\//, "Opera"],
  [/\bVivaldi\//, "Vivaldi"],
  [/\bYaBrowser\//, "Yandex Browser"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(Ddg|DuckDuckGo)\//, "DuckDuckGo"],
  [/\bSilk\//, "Silk"],
  [/\bEpiphany\//, "GNOME Web"],
  [/\bSeaMonkey\//, "SeaMonkey"],
  [/\bPaleMoon\//, "Pale Moon"],
  [/\b(Firefox|FxiOS|Focus|Klar)\//, "Firefox"],
  [/\bChromium\//, "Chromium"],
  [/\b(Chrome|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\b(MSIE |Trident\/)/, "Internet Explorer"],
  [/\bAndroid\b.*\bVersion\/\S+ .*\bSafari\//, "Android Browser"],
  [/\b(iPhone|iPad|iPod|Macintosh|Windows)\b.*\bVersion\/\S+ .*\bSafari\//, "Safari"],
  // WebKitGTK and WPE send Safari's tokens; Safari itself runs on Apple's systems and once ran on Windows.
  [/\bAppleWebKit\/.*\bSafari\//, "WebKit"],
];

const SYSTEMS: Names = [
  [/\bWindows Phone\b/, "Windows Phone"],
  [/\bXbox\b/, "Xbox"],
  [/\bPlayStation\b/, "PlayStation"],
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\biPod\b/, "iPod"],
  [/\bAndroid\b/, "Android"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMacintosh\b/, "macOS"],
  [/\b(Tizen|Web0S|webOS)\b/, "a television"],
  [/\b(Free|Open|Net)BSD\b/, "BSD"],
  [/\bLinux\b/, "Linux"],
];

/** Longer ones are no browser's; it bounds the work of the expressions above. */
const MAX_USER_AGENT_LENGTH = 512;

/** @returns undefined where neither browser nor system is one that people know by name. */
export function deviceName(userAgent: string): string | undefined {
  const text = userAgent.slice(0, MAX_USER_AGENT_LENGTH);
  if (BOT.test(text)) return undefined;
  const nameIn = (list: Names) => list.find(([token]) => token.test(text))?.[1];
  const [browser, system] = [nameIn(BROWSERS), nameIn(SYSTEMS)];
  return browser !== undefined && system !== undefined ? `${browser} on ${system}` : (browser ?? system);
}
