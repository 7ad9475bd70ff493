// Records what a browser exposes during a test (see @cloakroom/testing), and violations of the Content-Security-Policy.
import type { BrowserContext } from "@playwright/test";
import { recordContext, type BrowserRecord as RecordedContext } from "@cloakroom/testing/leaks/browser-recorder.ts";

export type BrowserRecord = RecordedContext & { readonly violations: Violation[] };

export type Violation = { directive: string; blocked: string; page: string };

const BINDING = "reportViolation";

/** @param origin of the gateway, whose responses the recording proxy in front of it records */
export async function recordBrowser(context: BrowserContext, origin: string): Promise<BrowserRecord> {
  const record = { ...recordContext(context, { recordsResponse: () => false, origin }), violations: [] as Violation[] };
  await context.exposeBinding(BINDING, (_source, violation: Violation) => void record.violations.push(violation));
  await context.addInitScript((binding) => {
    document.addEventListener("securitypolicyviolation", (event) => {
      const report = (window as unknown as Record<string, (violation: object) => void>)[binding];
      report?.({ directive: event.effectiveDirective, blocked: event.blockedURI, page: event.documentURI });
    });
  }, BINDING);
  return record;
}
