// A client of classic W3C WebDriver (https://www.w3.org/TR/webdriver2/), limited to the commands that webkit-browser.ts
// uses.

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

export type Element = { [ELEMENT]: string };

/** An error response of the driver; `code` is the protocol's error code, e.g. "no such element". */
export class WebDriverError extends Error {
  override readonly name = "WebDriverError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

export type WebDriverCookie = {
  name: string;
  value: string;
  domain: string;
  path?: string;
  secure?: boolean;
  httpOnly?: boolean;
};

export type WebDriverSession = ReturnType<typeof sessionOf>;

const commandTimeoutMs = 60_000;

export async function newSession(driver: string, alwaysMatch: object): Promise<WebDriverSession> {
  const { sessionId } = (await send(driver, "POST", "/session", { capabilities: { alwaysMatch } })) as {
    sessionId: string;
  };
  return sessionOf(driver, `/session/${sessionId}`);
}

export async function isReady(driver: string): Promise<boolean> {
  return send(driver, "GET", "/status").then(
    () => true,
    () => false,
  );
}

function sessionOf(driver: string, path: string) {
  const get = (command: string) => send(driver, "GET", path + command);
  const post = (command: string, parameters: object = {}) => send(driver, "POST", path + command, parameters);
  const at = (element: Element) => `/element/${element[ELEMENT]}`;
  return {
    goTo: (url: string) => post("/url", { url }),
    reload: () => post("/refresh"),
    goBack: () => post("/back"),
    windowHandle: async () => (await get("/window")) as string,
    newTab: async () => ((await post("/window/new", { type: "tab" })) as { handle: string }).handle,
    switchTo: (handle: string) => post("/window", { handle }),
    resize: (width: number, height: number) => post("/window/rect", { width, height }),
    /** Runs the body of a function in the page and awaits a promise that it returns. */
    execute: (script: string, args: readonly unknown[] = []) => post("/execute/sync", { script, args }),
    roleOf: async (element: Element) => (await get(`${at(element)}/computedrole`)) as string,
    nameOf: async (element: Element) => (await get(`${at(element)}/computedlabel`)) as string,
    click: (element: Element) => post(`${at(element)}/click`),
    clear: (element: Element) => post(`${at(element)}/clear`),
    type: (element: Element, text: string) => post(`${at(element)}/value`, { text }),
    cookies: async () => (await get("/cookie")) as WebDriverCookie[],
    end: () => send(driver, "DELETE", path),
  };
}

async function send(driver: string, method: string, path: string, parameters?: object): Promise<unknown> {
  const response = await fetch(driver + path, {
    method,
    signal: AbortSignal.timeout(commandTimeoutMs),
    ...(parameters === undefined ? {} : { body: JSON.stringify(parameters) }),
  });
  const { value } = (await response.json()) as { value: unknown };
  if (response.ok) return value;
  const { error, message } = value as { error: string; message: string };
  throw new WebDriverError(error, message);
}
