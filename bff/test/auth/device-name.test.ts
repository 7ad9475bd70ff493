// Device names of the session list, from User-Agent headers of real browsers.
import { expect, it } from "vitest";
import { deviceName } from "../../src/auth/device-name.ts";

const BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)";
const WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
const LINUX = "Mozilla/5.0 (X11; Linux x86_64)";
const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)";
const ANDROID = "Mozilla/5.0 (Linux; Android 10; K)";
const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)";
const IPAD = "Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X)";

it.each([
  // WebKitGTK and its browsers.
  ["WebKit on Linux", `${LINUX} ${WEBKIT} Version/26.0 Safari/605.1.15`],
  ["WebKit on Linux", `Mozilla/5.0 (X11; Ubuntu; Linux aarch64) ${WEBKIT} Version/18.0 Safari/605.1.15`],
  ["WebKit on Linux", `Mozilla/5.0 (Wayland; Linux x86_64) ${WEBKIT} Version/18.5 Safari/605.1.15`],
  ["WebKit on Linux", `Mozilla/5.0 (Linux; aarch64) ${WEBKIT} Version/18.0 Mobile Safari/605.1.15`],
  ["WebKit on BSD", `Mozilla/5.0 (X11; FreeBSD amd64) ${WEBKIT} Version/18.5 Safari/605.1.15`],
  ["GNOME Web on Linux", `${LINUX} ${WEBKIT} Version/18.5 Safari/605.1.15 Epiphany/605.1.15`],
  [
    "GNOME Web on Linux",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/604.1 (KHTML, like Gecko) Version/11.0 Safari/604.1 Ubuntu/17.04 (3.24.1-0ubuntu1) Epiphany/3.24.1",
  ],
  [
    "WebKit on PlayStation",
    "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15",
  ],
  [
    "WebKit on a television",
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 2.4.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/2.4.0 TV Safari/538.1",
  ],
  [
    "Chrome on a television",
    `Mozilla/5.0 (Web0S; Linux/SmartTV) ${BLINK} Chrome/120.0.6099.270 Safari/537.36 WebAppManager`,
  ],
  // Safari
  ["Safari on macOS", `${MAC} ${WEBKIT} Version/18.5 Safari/605.1.15`],
  ["Safari on iPhone", `${IPHONE} ${WEBKIT} Version/18.5 Mobile/15E148 Safari/604.1`],
  ["Safari on iPad", `${IPAD} ${WEBKIT} Version/16.6 Mobile/15E148 Safari/604.1`],
  [
    "Safari on iPod",
    `Mozilla/5.0 (iPod touch; CPU OS 12_0 like Mac OS X) ${WEBKIT} Version/12.0 Mobile/15E148 Safari/604.1`,
  ],
  [
    "Safari on Windows",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/534.57.2 (KHTML, like Gecko) Version/5.1.7 Safari/534.57.2",
  ],
  // Firefox
  ["Firefox on Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
  ["Firefox on Linux", "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
  ["Firefox on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"],
  ["Firefox on macOS", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0"],
  ["Firefox on Android", "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"],
  ["Firefox on iPhone", `${IPHONE} ${WEBKIT} FxiOS/140.0 Mobile/15E148 Safari/605.1.15`],
  ["Firefox on iPhone", `${IPHONE} ${WEBKIT} FxiOS/8.1.1 Focus/140 Mobile/15E148 Version/18.5 Safari/605.1.15`],
  ["Firefox on BSD", "Mozilla/5.0 (X11; OpenBSD amd64; rv:128.0) Gecko/20100101 Firefox/128.0"],
  ["SeaMonkey on Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:91.0) Gecko/20100101 Firefox/91.0 SeaMonkey/2.53.18"],
  [
    "Pale Moon on Windows",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Goanna/6.7 Firefox/128.0 PaleMoon/33.3.1",
  ],
  // Chromium and browsers based on it
  ["Chrome on Linux", `${LINUX} ${BLINK} Chrome/139.0.0.0 Safari/537.36`],
  ["Chrome on Linux", `${LINUX} ${BLINK} HeadlessChrome/139.0.0.0 Safari/537.36`],
  ["Chromium on Linux", `${LINUX} ${BLINK} Ubuntu Chromium/80.0.3987.87 Chrome/80.0.3987.87 Safari/537.36`],
  ["Chrome on macOS", `${MAC} ${BLINK} Chrome/139.0.0.0 Safari/537.36`],
  ["Chrome on Android", `${ANDROID} ${BLINK} Chrome/139.0.0.0 Mobile Safari/537.36`],
  ["Chrome on iPhone", `${IPHONE} ${WEBKIT} CriOS/139.0.7258.76 Mobile/15E148 Safari/604.1`],
  ["Chrome on ChromeOS", `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${BLINK} Chrome/139.0.0.0 Safari/537.36`],
  ["Edge on Windows", `${WINDOWS} ${BLINK} Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0`],
  ["Edge on Windows", `${WINDOWS} ${BLINK} Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763`],
  ["Edge on Android", `${ANDROID} ${BLINK} Chrome/139.0.0.0 Mobile Safari/537.36 EdgA/139.0.0.0`],
  ["Edge on iPhone", `${IPHONE} ${WEBKIT} Version/18.0 EdgiOS/139.0.3405.86 Mobile/15E148 Safari/605.1.15`],
  [
    "Edge on Xbox",
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) ${BLINK} Chrome/48.0.2564.82 Safari/537.36 Edge/20.02`,
  ],
  [
    "Edge on Windows Phone",
    `Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) ${BLINK} Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15254`,
  ],
  ["Opera on Windows", `${WINDOWS} ${BLINK} Chrome/124.0.0.0 Safari/537.36 OPR/110.0.0.0`],
  ["Opera on iPhone", `${IPHONE} ${WEBKIT} Version/18.5 Mobile/15E148 Safari/604.1 OPT/5.4.0`],
  ["Vivaldi on Linux", `${LINUX} ${BLINK} Chrome/138.0.0.0 Safari/537.36 Vivaldi/7.5.3735.54`],
  ["Yandex Browser on Windows", `${WINDOWS} ${BLINK} Chrome/136.0.0.0 YaBrowser/25.6.0.0 Safari/537.36`],
  ["Samsung Internet on Android", `${ANDROID} ${BLINK} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36`],
  ["DuckDuckGo on macOS", `${MAC} ${WEBKIT} Version/18.5 Safari/605.1.15 Ddg/18.5`],
  [
    "Silk on Android",
    `Mozilla/5.0 (Linux; Android 11; KFTRWI) ${BLINK} Silk/138.4.1 like Chrome/138.0.0.0 Safari/537.36`,
  ],
  [
    "Android Browser on Android",
    "Mozilla/5.0 (Linux; U; Android 4.0.3; en-us; GT-P5100) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Safari/534.30",
  ],
  ["Internet Explorer on Windows", "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko"],
  // A web view without the name of a browser
  ["iPhone", `${IPHONE} ${WEBKIT} Mobile/15E148`],
])("the device name is %s for %s", (name, userAgent) => {
  expect(deviceName(userAgent)).toBe(name);
});

it.each([
  "",
  "curl/8.5.0",
  "python-requests/2.32.3",
  "<script>alert(1)</script>",
  `${"x".repeat(600)} Firefox/1`,
  "Alice \u202Enimda",
  `Mozilla/5.0 ${BLINK}; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/139.0.0.0 Safari/537.36`,
  `${ANDROID} ${BLINK} Chrome/139.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)`,
  `Mozilla/5.0 ${BLINK}; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/136.0.0.0 Safari/537.36`,
  `${MAC} ${WEBKIT} Version/17.4 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)`,
  "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
  "Mozilla/5.0 (Linux;u;Android 4.2.2;zh-cn;) AppleWebKit/534.46 (KHTML,like Gecko) Version/5.1 Mobile Safari/10600.6.3 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
  "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
  "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
])("there is no device name for %j", (userAgent) => {
  expect(deviceName(userAgent)).toBeUndefined();
});

it("a phone whose manufacturer's name ends in bot is not a bot", () => {
  const cubot = `Mozilla/5.0 (Linux; Android 13; CUBOT P80) ${BLINK} Chrome/139.0.0.0 Mobile Safari/537.36`;
  expect(deviceName(cubot)).toBe("Chrome on Android");
});
