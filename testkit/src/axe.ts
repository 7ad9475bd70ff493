// axe on a page, in light and dark, on a phone and on a desktop.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

const VIEWS = [
  { width: 390, height: 844, colorScheme: "light" },
  { width: 390, height: 844, colorScheme: "dark" },
  { width: 1280, height: 900, colorScheme: "dark" },
  { width: 1280, height: 900, colorScheme: "light" },
] as const;

/**
 * No axe violation and no horizontal scrolling (WCAG 1.4.10), as soft assertions.
 * @param state names the page's state in a failure
 */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  for (const { width, height, colorScheme } of VIEWS) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(finishColorTransitions);
    const violations = (await violationsOn(page)).map(({ id, nodes }) => ({
      id,
      at: nodes.map(({ target }) => String(target)),
    }));
    expect.soft(violations, `${state}, ${width} px wide, ${colorScheme}`).toEqual([]);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect.soft(overflow, `${state}, ${width} px wide: horizontal overflow in px`).toBeLessThanOrEqual(0);
  }
}

/** Runs in the page: axe would measure the contrast of a color in transition between two schemes. */
async function finishColorTransitions(): Promise<void> {
  // Inherited colors change one level of the document per frame. Three consecutive frames without a transition count as
  // the end.
  for (let quietFrames = 0; quietFrames < 3;) {
    await new Promise(requestAnimationFrame);
    const transitions = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    for (const transition of transitions) transition.finish();
    quietFrames = transitions.length === 0 ? quietFrames + 1 : 0;
  }
}

type Violations = { id: string; nodes: { target: unknown }[] }[];
type WithAxe = { axe?: { run: (where: Document, options: object) => Promise<{ violations: Violations }> } };

/** AxeBuilder injects axe into the page; further runs use the injected copy and take a quarter of the time. */
async function violationsOn(page: Page): Promise<Violations> {
  const isInjected = await page.evaluate(() => (window as WithAxe).axe !== undefined);
  if (!isInjected) return (await new AxeBuilder({ page }).setLegacyMode().analyze()).violations;
  return page.evaluate(async () => {
    const { violations } = await (window as WithAxe).axe!.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ target }) => ({ target })) }));
  });
}
