// Assembles the library with our pages and recorders around it; built anew when the keys rotate.
import type { RequestListener } from "node:http";
import type Koa from "koa";
import { Provider } from "oidc-provider";
import { providerConfiguration, type ConfigurationParts } from "./configuration.ts";
import { interactions } from "./interactions.ts";
import { assets } from "./page-headers.ts";
import { recorder, type RecorderParts } from "./recorder.ts";
import { offerTokenExchange } from "./token-exchange.ts";
import { userinfo } from "./userinfo.ts";

export type LibraryParts = Omit<ConfigurationParts, "consentedScopes"> &
  RecorderParts & {
    issuer: string;
    exchangeAudiences: ReadonlyMap<string, readonly string[]>;
  };

export type BuildLibrary = (keys: ConfigurationParts["keys"]) => { provider: Provider; handler: RequestListener };

export function libraryBuilder(parts: Omit<LibraryParts, "keys">): BuildLibrary {
  // Outlives a rotation, as everything but the keys does.
  const consents = new Map<string, readonly string[]>();
  return (keys) => {
    const provider = new Provider(
      parts.issuer,
      providerConfiguration({
        ...parts,
        keys,
        consentedScopes: (sub, clientId) => consents.get(`${sub} ${clientId}`) ?? [],
      }),
    );
    // Behind a TLS proxy its X-Forwarded-Proto decides the scheme of the endpoints' addresses.
    (provider as Koa).proxy = parts.issuer.startsWith("https:");
    offerTokenExchange(provider, { ...parts, keys });
    provider.use(assets());
    provider.use(recorder(parts));
    provider.use(userinfo({ ...parts, keys }));
    provider.use(
      interactions({
        ...parts,
        provider,
        rememberConsent: (sub, clientId, scopes) => void consents.set(`${sub} ${clientId}`, scopes),
      }),
    );
    provider.on("end_session.success", (ctx) => {
      const everywhere = ctx.oidc.params?.["logout"] !== undefined;
      const { session, client } = ctx.oidc;
      if (session !== undefined)
        parts.storage.revokeIssuedWithin(session.uid, everywhere ? undefined : client?.clientId);
    });
    // Without a listener Koa prints every error to the console.
    (provider as Koa).on("error", () => undefined);
    const answer = provider.callback();
    return { provider, handler: (req, res) => void answer(req, res) };
  };
}
