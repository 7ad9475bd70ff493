// What axe finds on a page, in both colour schemes and at both widths.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

const VIEWS = [
  { width: 390, height: 844, colorScheme: "light" },
  { width: 390, height: 844, colorScheme: "dark" },
  { width: 1280, height: 900, colorScheme: "dark" },
  { width: 1280, height: 900, colorScheme: "light" },
] as const;

/** Also that nothing is wider than the screen: to read by scrolling sideways is no reading (WCAG 1.4.10). */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  for (const { width, height, colorScheme } of VIEWS) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(untilColoursRest);
    const found = (await violationsOn(page)).map(({ id, nodes }) => ({
      id,
      at: nodes.map(({ target }) => String(target)),
    }));
    expect.soft(found, `${what}, ${width} px wide, ${colorScheme}`).toEqual([]);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect.soft(overflow, `${what}, ${width} px wide: pixels beyond the edge`).toBeLessThanOrEqual(0);
  }
}

/** Colours on their way from one scheme to the other have a contrast that nobody gets to see for long. */
async function untilColoursRest(): Promise<void> {
  // An inherited colour reaches one more level of the document with every frame: one quiet frame is not the end.
  for (let quietFrames = 0; quietFrames < 3;) {
    await new Promise(requestAnimationFrame);
    const moving = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    for (const transition of moving) transition.finish();
    quietFrames = moving.length === 0 ? quietFrames + 1 : 0;
  }
}

type Violations = { id: string; nodes: { target: unknown }[] }[];
type WithAxe = { axe?: { run: (where: Document, options: object) => Promise<{ violations: Violations }> } };

/** The builder brings axe into the page; once it is there, another look costs a quarter. */
async function violationsOn(page: Page): Promise<Violations> {
  const isThere = await page.evaluate(() => (window as WithAxe).axe !== undefined);
  if (!isThere) return (await new AxeBuilder({ page }).setLegacyMode().analyze()).violations;
  return page.evaluate(async () => {
    const { violations } = await (window as WithAxe).axe!.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ target }) => ({ target })) }));
  });
}
