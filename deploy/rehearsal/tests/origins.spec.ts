// A system that changes its origin: Keycloak imports the realm once, and its client must follow at the next start.
import { fillLoginForm } from "../../../e2e-keycloak/support/pages.ts";
import { expect, test } from "../test.ts";

type Client = {
  id: string;
  rootUrl: string;
  redirectUris: string[];
  webOrigins: string[];
  attributes: Record<string, string>;
  protocolMappers: { name: string }[];
  [name: string]: unknown;
};

const OLD = "http://localhost:3000";

test("TLS after http: a realm that was imported under another origin follows at Keycloak's next start", async ({
  page,
  rehearsal,
}) => {
  test.setTimeout(900_000);
  const { publicOrigin, ports } = rehearsal.installation;
  const find = async (): Promise<Client> => {
    const [client] = await rehearsal.admin().get<Client[]>("/demo/clients?clientId=cloakroom");
    if (client === undefined) throw new Error("the realm has no client cloakroom");
    return client;
  };
  const imported = await find();
  await test.step("the realm is as it was imported under http", async () => {
    await rehearsal.admin().send("PUT", `/demo/clients/${imported.id}`, {
      ...imported,
      rootUrl: OLD,
      redirectUris: [`${OLD}/bff/callback`],
      webOrigins: [OLD],
      attributes: {
        ...imported.attributes,
        "post.logout.redirect.uris": `${OLD}/logged-out`,
        "backchannel.logout.url": "http://elsewhere:3000/bff/backchannel-logout",
      },
    });
    await page.goto(`${publicOrigin}/bff/login`);
    await expect(page.getByLabel("Password", { exact: true })).toHaveCount(0);
  });

  await test.step("after a restart it has the origin of this start, and everything else is unchanged", async () => {
    const output = await rehearsal.restartKeycloak();
    await expect
      .poll(output, { timeout: 240_000 })
      .toContain(`The client cloakroom now has the URIs of ${publicOrigin}.`);
    const updated = await find();
    expect(updated).toEqual({
      ...imported,
      attributes: {
        ...imported.attributes,
        "post.logout.redirect.uris": `${publicOrigin}/bff/logout/return##${publicOrigin}/logged-out`,
        "backchannel.logout.url": `http://127.0.0.1:${ports.gateway}/bff/backchannel-logout`,
      },
    });
  });

  await test.step("a person logs in and out", async () => {
    await page.goto(`${publicOrigin}/bff/login`);
    await fillLoginForm(page, { username: "alice", password: rehearsal.password("alice") });
    await page.waitForURL(`${publicOrigin}/**`);
  });

  await test.step("a start without a change updates nothing, and the secret stays out of the log", async () => {
    const output = await rehearsal.restartKeycloak();
    await expect.poll(output, { timeout: 240_000 }).toContain(`has the URIs of ${publicOrigin} already`);
    expect(rehearsal.keycloakLog()).not.toContain(rehearsal.password("admin"));
  });
});
