// Drives WebKit: WebKitGTK's MiniBrowser under Xvfb through WebKitWebDriver. A driver serves one session at a time, and
// each session is a MiniBrowser with an in-memory profile, so every browser of a test has its own driver.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { fieldOfLabel, type Browser, type Engine, type Tab, type Target } from "./browser.ts";
import { waitForLine, startProgram, waitUntil } from "./program.ts";
import { isReady, newSession, type Element, type WebDriverSession } from "./webdriver.ts";

export type WebKitPrograms = { driver: string; xvfb: string };

export async function startWebKit({ driver, xvfb }: WebKitPrograms): Promise<Engine> {
  // With -displayfd Xvfb picks a free display and prints its number.
  const display = startProgram(xvfb, ["-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]);
  const number = await waitForLine(display, (line) => /^\d+$/.test(line));
  const home = await mkdtemp(join(tmpdir(), "cloakroom-webkit-"));
  const env = {
    ...{ HOME: home, XDG_RUNTIME_DIR: home, DISPLAY: `:${number}` },
    // With LC_ALL=C WebKitGTK reports the language "C", which Intl rejects.
    LC_ALL: "C.UTF-8",
    // Renders in memory: three times as fast as software OpenGL.
    WEBKIT_DISABLE_DMABUF_RENDERER: "1",
  };
  return {
    newBrowser: () => startBrowser(driver, env),
    stop: async () => {
      await display.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function startBrowser(driver: string, env: NodeJS.ProcessEnv): Promise<Browser> {
  const port = await freePort();
  const program = startProgram(driver, [`--port=${port}`], env);
  const address = `http://127.0.0.1:${port}`;
  try {
    await waitUntil(() => isReady(address), program);
    const session = await newSession(address, { acceptInsecureCerts: true });
    return await browserOf(session, program.stop);
  } catch (error) {
    await program.stop();
    throw error;
  }
}

async function browserOf(session: WebDriverSession, stopDriver: () => Promise<void>): Promise<Browser> {
  // A WebDriver session has one current tab: commands are serialized, and each switches to its tab first.
  let current = await session.windowHandle();
  let unused: string | undefined = current;
  let last: Promise<unknown> = Promise.resolve();
  const serialize = <R>(run: () => Promise<R>): Promise<R> => {
    const result = last.then(run, run);
    last = result.catch(() => undefined);
    return result;
  };
  const handles = new Map<Tab, string>();
  const inTab =
    (handle: string): InTab =>
    (run) =>
      serialize(async () => {
        if (current !== handle) await session.switchTo(handle);
        current = handle;
        return run(session);
      });
  await session.resize(1280, 900);
  return {
    newTab: async () => {
      const handle = unused ?? (await serialize(() => session.newTab()));
      unused = undefined;
      const tab = tabOf(inTab(handle));
      handles.set(tab, handle);
      return tab;
    },
    cookies: async (tab) =>
      (await inTab(handles.get(tab) ?? current)((driver) => driver.cookies())).map(
        ({ name, value, domain, path = "/", secure = false, httpOnly = false }) => ({
          ...{ name, value, domain, path, secure, httpOnly },
        }),
      ),
    close: async () => {
      try {
        await serialize(session.end);
      } finally {
        await stopDriver();
      }
    },
  };
}

type InTab = <R>(run: (driver: WebDriverSession) => Promise<R>) => Promise<R>;

function tabOf(inTab: InTab): Tab {
  const execute = (source: string, args: readonly unknown[] = []) =>
    inTab((driver) => driver.execute(`return (${source})(...arguments)`, args)) as Promise<never>;
  return {
    goTo: async (url) => void (await inTab((driver) => driver.goTo(url))),
    reload: async () => void (await inTab((driver) => driver.reload())),
    goBack: async () => void (await inTab((driver) => driver.goBack())),
    url: () => execute("() => location.href"),
    text: () => execute("() => document.body.innerText"),
    click: (target) =>
      inTab(async (driver) => {
        const element = await findTarget(driver, target);
        // The driver's own scrolling may leave the center of the element outside the viewport.
        await driver.execute("arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })", [element]);
        await driver.click(element);
      }),
    fill: (label, text) =>
      inTab(async (driver) => {
        const field = (await driver.execute(`return (${String(fieldOfLabel)})(...arguments)`, [
          label,
        ])) as Element | null;
        if (field === null) throw new Error(`No field "${label}".`);
        await driver.clear(field);
        await driver.type(field, text);
      }),
    evaluate: (run, ...args) => execute(String(run), args),
  };
}

const CANDIDATES: Record<Target["role"], string> = {
  link: "a[href], [role=link]",
  button: "button, input[type=submit], [role=button]",
};

/** WebKitWebDriver cannot search by role and name, but computes both for a given element. */
async function findTarget(driver: WebDriverSession, { role, name }: Target): Promise<Element> {
  const candidates = (await driver.execute(`return (${String(elementsWithText)})(...arguments)`, [
    CANDIDATES[role],
    name,
  ])) as Element[];
  for (const element of candidates)
    if ((await driver.nameOf(element)) === name && (await driver.roleOf(element)) === role) return element;
  throw new Error(`No ${role} "${name}".`);
}

/** Runs in the page: preselects visible elements by text. The driver fails to compute the name of hidden ones. */
function elementsWithText(css: string, text: string): HTMLElement[] {
  const contains = (label: string | null) => label?.includes(text) === true;
  return [...document.querySelectorAll<HTMLElement>(css)].filter(
    (element) => element.checkVisibility() && (contains(element.textContent) || contains(element.ariaLabel)),
  );
}
