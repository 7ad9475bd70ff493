// Change of the public origin: Keycloak imports a realm once, so update-client.sh applies the new origin at its next start.
import { fillLoginForm } from "@cloakroom/testkit/keycloak/pages.ts";
import { expect, test } from "../fixtures.ts";

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

test("a realm imported under an http origin gets the https origin at Keycloak's next start", async ({
  page,
  rehearsal,
}) => {
  test.setTimeout(900_000);
  const { publicOrigin, ports } = rehearsal.installation;
  const find = async (): Promise<Client> => {
    const [client] = await rehearsal.admin().get<Client[]>("/demo/clients?clientId=cloakroom");
    if (client === undefined) throw new Error("realm demo has no client cloakroom");
    return client;
  };
  const imported = await find();
  await test.step("login fails with the client's URIs of the old origin", async () => {
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

  await test.step("a restart updates the URIs and leaves the rest of the client unchanged", async () => {
    const output = await rehearsal.restartKeycloak();
    await expect
      .poll(output, { timeout: 240_000 })
      .toContain(`Client cloakroom updated to the URIs of ${publicOrigin}.`);
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

  await test.step("login works", async () => {
    await page.goto(`${publicOrigin}/bff/login`);
    await fillLoginForm(page, { username: "alice", password: rehearsal.password("alice") });
    await page.waitForURL(`${publicOrigin}/**`);
  });

  await test.step("another restart updates nothing, and the log contains no password", async () => {
    const output = await rehearsal.restartKeycloak();
    await expect.poll(output, { timeout: 240_000 }).toContain(`already has the URIs of ${publicOrigin}`);
    expect(rehearsal.keycloakLog()).not.toContain(rehearsal.password("admin"));
  });
});
