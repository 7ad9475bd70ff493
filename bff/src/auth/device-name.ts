// Device name from the User-Agent header, such as "Firefox on Linux", for the list of a user's sessions. Built from the
// names below only, so that no text of the header reaches a page.

type Names = readonly (readonly [token: RegExp, name: string])[];

/** Crawlers and link previews contain the name of a browser. */
const BOT = /bot[/\-;]|crawler|spider|externalhit/i;

/** The order matters: a User-Agent also contains the names of older browsers. */
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
  // WebKitGTK and WPE. Safari itself is only on Apple systems and (formerly) Windows.
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

/** Limits the input of the regular expressions. No browser sends a longer one. */
const MAX_USER_AGENT_LENGTH = 512;

/** @returns undefined if neither browser nor system is in the lists */
export function deviceName(userAgent: string): string | undefined {
  const text = userAgent.slice(0, MAX_USER_AGENT_LENGTH);
  if (BOT.test(text)) return undefined;
  const nameIn = (list: Names) => list.find(([token]) => token.test(text))?.[1];
  const [browser, system] = [nameIn(BROWSERS), nameIn(SYSTEMS)];
  return browser !== undefined && system !== undefined ? `${browser} on ${system}` : (browser ?? system);
}
