// WebKit: Debian's MiniBrowser of WebKitGTK under Xvfb, driven by WebKitWebDriver. A driver serves one session at a
// time, and a session is a MiniBrowser with a profile in memory: each browser of a test has a driver of its own.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../../demo/src/free-port.ts";
import { fieldOfLabel, type Browser, type Engine, type Tab, type Target } from "./browser.ts";
import { firstLine, startProgram, until } from "./program.ts";
import { isReady, newSession, type Element, type WebDriverSession } from "./webdriver.ts";

export type WebKitPrograms = { driver: string; xvfb: string };

export async function startWebKit({ driver, xvfb }: WebKitPrograms): Promise<Engine> {
  // Xvfb looks for a free display by itself and says which.
  const display = startProgram(xvfb, ["-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]);
  const number = await firstLine(display, (line) => /^\d+$/.test(line));
  const home = await mkdtemp(join(tmpdir(), "cloakroom-webkit-"));
  const env = {
    ...{ HOME: home, XDG_RUNTIME_DIR: home, DISPLAY: `:${number}` },
    // Not the machine's: here WebKitGTK reports the language "C", which Intl refuses.
    LC_ALL: "C.UTF-8",
    // Draws in memory, in a third of the time that software OpenGL takes.
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
    await until(() => isReady(address), program);
    const session = await newSession(address, { acceptInsecureCerts: true });
    return await browserOf(session, program.stop);
  } catch (error) {
    await program.stop();
    throw error;
  }
}

async function browserOf(session: WebDriverSession, stopDriver: () => Promise<void>): Promise<Browser> {
  // A session has one current tab: each command is sent to its own tab, and commands do not overlap.
  let current = await session.windowHandle();
  let unused: string | undefined = current;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <R>(run: () => Promise<R>): Promise<R> => {
    const turn = last.then(run, run);
    last = turn.catch(() => undefined);
    return turn;
  };
  const handles = new Map<Tab, string>();
  const inTab =
    (handle: string): InTab =>
    (run) =>
      inTurn(async () => {
        if (current !== handle) await session.switchTo(handle);
        current = handle;
        return run(session);
      });
  await session.resize(1280, 900);
  return {
    newTab: async () => {
      const handle = unused ?? (await inTurn(() => session.newTab()));
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
        await inTurn(session.end);
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
        // The driver's own scrolling can leave the middle of the element outside of the window.
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

/** WebKitWebDriver cannot search by role and name, but computes both for an element. */
async function findTarget(driver: WebDriverSession, { role, name }: Target): Promise<Element> {
  const candidates = (await driver.execute(`return (${String(elementsWithText)})(...arguments)`, [
    CANDIDATES[role],
    name,
  ])) as Element[];
  for (const element of candidates)
    if ((await driver.nameOf(element)) === name && (await driver.roleOf(element)) === role) return element;
  throw new Error(`No ${role} "${name}".`);
}

/** Runs in the page; saves round trips, and questions about hidden elements, which the driver answers with an error. */
function elementsWithText(css: string, text: string): HTMLElement[] {
  const contains = (label: string | null) => label?.includes(text) === true;
  return [...document.querySelectorAll<HTMLElement>(css)].filter(
    (element) => element.checkVisibility() && (contains(element.textContent) || contains(element.ariaLabel)),
  );
}
