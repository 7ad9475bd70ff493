// Cookie injection between sibling hosts: the gateway at https://app.site.localhost, an attacker at
// https://evil.site.localhost. The attacker's cookies with Domain=site.localhost reach the gateway. Chromium and Firefox
// treat `localhost` as a public suffix, so it cannot be the Domain of a cookie.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startSystem, type System } from "@cloakroom/demo/system.ts";
import { SPA_DIST } from "@cloakroom/demo/launcher/spa-build.ts";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { forwardTo, startHttps } from "@cloakroom/testkit/https-server.ts";

export type SiblingHosts = {
  /** The gateway's public origin. */
  readonly app: string;
  /** Responds to `/?set=<value>&set=…` with one Set-Cookie header per value; its pages have no CSP. */
  readonly evil: string;
  /** The registrable domain of both hosts. */
  readonly site: string;
  readonly system: System;
  /** The Cookie header of each request that reached the gateway, in order. */
  readonly cookieHeaders: readonly string[];
  /** Intercepts the next login callback. @returns its URL; the gateway does not receive it */
  holdNextCallback: () => Promise<string>;
  stop: () => Promise<void>;
};

const SITE = "site.localhost";

export async function startSiblingHosts(): Promise<SiblingHosts> {
  const folder = await mkdtemp(join(tmpdir(), "cloakroom-siblings-"));
  const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    return { ...(await startComponents(folder, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startComponents(folder: string, stops: (() => Promise<void>)[]): Promise<Omit<SiblingHosts, "stop">> {
  const authority = testAuthority("CA of the engine tests");
  const caFile = join(folder, "ca.pem");
  await writeFile(caFile, authority.cert);
  const ports = { gateway: await freePort(), management: await freePort(), provider: await freePort() };
  const at = async (host: string) => ({ certificate: authority.issue(host), host, port: await freePort() });
  const hosts = { app: await at(`app.${SITE}`), evil: await at(`evil.${SITE}`), provider: await at("localhost") };
  const originOf = ({ host, port }: { host: string; port: number }) => `https://${host}:${port}`;
  const cookieHeaders: string[] = [];
  let holdCallback: ((address: string) => void) | undefined;
  const proxies = await Promise.all([
    startHttps(hosts.app, (req, res) => {
      if (holdCallback !== undefined && req.url?.startsWith("/bff/callback?") === true) {
        holdCallback(originOf(hosts.app) + req.url);
        holdCallback = undefined;
        res.end("held");
        return;
      }
      cookieHeaders.push(req.headers.cookie ?? "");
      forwardTo(ports.gateway)(req, res);
    }),
    startHttps(hosts.provider, forwardTo(ports.provider)),
    startHttps(hosts.evil, (req, res) => {
      const { searchParams } = new URL(req.url ?? "/", originOf(hosts.evil));
      res.setHeader("Set-Cookie", searchParams.getAll("set"));
      res.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
      res.end("<!doctype html><title>Win a prize</title><body><h1>Win a prize</h1>");
    }),
  ]);
  stops.push(async () => void (await Promise.all(proxies.map((proxy) => proxy.stop()))));
  const system = await startSystem({
    ports,
    spaRoot: SPA_DIST,
    publicOrigin: originOf(hosts.app),
    provider: { passwordCost: 2, issuer: originOf(hosts.provider) },
    gatewayEnv: { NODE_EXTRA_CA_CERTS: caFile, INSECURE_COOKIES: "never" },
  });
  stops.push(system.stop);
  return {
    ...{ app: originOf(hosts.app), evil: originOf(hosts.evil), site: SITE, system, cookieHeaders },
    holdNextCallback: () => new Promise((resolve) => (holdCallback = resolve)),
  };
}
