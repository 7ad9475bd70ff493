// What a person does at the provider: password, one-time code, consent, cancel.
import type { Context, Middleware, Next } from "koa";
import { errors, type Client, type Interaction, type InteractionResults, type Provider } from "oidc-provider";
import { readForm } from "./form.ts";
import { pageHeaders } from "./page-headers.ts";
import { consentPage, loginPage, messagePage, oneTimeCodePage } from "./pages.ts";
import type { UserDirectory } from "./users.ts";
import { words } from "./words.ts";

export const DEMO_ONE_TIME_CODE = "123456";
/** What the policy calls its own reason; see policy.ts. */
export const STEP_UP = "step_up";

type Parts = {
  provider: Provider;
  users: UserDirectory;
  /** Remembers that this user allowed these scopes to this client. */
  rememberConsent: (sub: string, clientId: string, scopes: readonly string[]) => void;
  resource: string;
};

type Step = { ctx: Context; interaction: Interaction; client: Client; parts: Parts };

const ROUTE = /^\/interaction\/([\w-]+)(?:\/(login|code|consent|cancel))?$/;

export function interactions(parts: Parts): Middleware {
  return async function interactionRoutes(ctx: Context, next: Next) {
    const [, uid, action] = ROUTE.exec(ctx.path) ?? [];
    if (uid === undefined) return next();
    try {
      const interaction = await parts.provider.interactionDetails(ctx.req, ctx.res);
      const client = await parts.provider.Client.find(String(interaction.params["client_id"]));
      // The cookie says which attempt this browser is in; another uid in the path is somebody else's.
      if (interaction.uid !== uid || client === undefined) throw new errors.SessionNotFound("another attempt");
      ctx.set(pageHeaders(client));
      await answer({ ctx, interaction, client, parts }, action);
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      ctx.status = 400;
      ctx.set(pageHeaders(undefined));
      ctx.body = messagePage("This login has expired", "Go back to the application and log in again.");
    }
  };
}

async function answer(step: Step, action: string | undefined): Promise<void> {
  const { ctx } = step;
  ctx.status = 200;
  ctx.type = "html";
  if (action === undefined && ctx.method === "GET") show(step);
  else if (action === undefined || ctx.method !== "POST") ctx.status = 405;
  else if (action === "login") await login(step);
  else if (action === "code") await oneTimeCode(step);
  else if (action === "consent") await consent(step);
  else await finish(step, { error: "access_denied", error_description: "cancelled by the user" });
}

const pathOf = ({ interaction }: Step): string => `/interaction/${interaction.uid}`;
const clientNameOf = ({ client }: Step): string => client.clientName ?? client.clientId;
const wants = ({ interaction }: Step, prompt: string): boolean => interaction.prompt.name === prompt;
const isStepUp = ({ interaction }: Step): boolean => interaction.prompt.reasons.every((reason) => reason === STEP_UP);

function show(step: Step): void {
  const { ctx, interaction } = step;
  const action = pathOf(step);
  const clientName = clientNameOf(step);
  const hint = interaction.params["login_hint"];
  if (wants(step, "consent")) ctx.body = consentPage({ action, clientName, scopes: scopesOf(step) });
  else if (isStepUp(step)) ctx.body = oneTimeCodePage({ action });
  else ctx.body = loginPage({ action, clientName, username: typeof hint === "string" ? hint : "" });
}

async function login(step: Step): Promise<void> {
  const form = await readForm(step.ctx.req);
  const username = form.get("username") ?? "";
  const user = await step.parts.users.authenticate(username, form.get("password") ?? "");
  if (user !== undefined) return finish(step, { login: { accountId: user.sub, acr: "1", amr: ["pwd"] } });
  step.ctx.body = loginPage({
    action: pathOf(step),
    clientName: clientNameOf(step),
    username,
    message: "Username or password is wrong. Please try again.",
  });
}

async function oneTimeCode(step: Step): Promise<void> {
  const form = await readForm(step.ctx.req);
  const accountId = step.interaction.session?.accountId;
  if (accountId === undefined || !isStepUp(step)) throw new errors.SessionNotFound("no password yet");
  if (form.get("code") === DEMO_ONE_TIME_CODE)
    return finish(step, { login: { accountId, acr: "2", amr: ["pwd", "otp"] } });
  step.ctx.body = oneTimeCodePage({ action: pathOf(step), message: "That code is wrong. Please try again." });
}

async function consent(step: Step): Promise<void> {
  const { interaction, client, parts } = step;
  const accountId = interaction.session?.accountId;
  if (accountId === undefined || !wants(step, "consent")) throw new errors.SessionNotFound("no login yet");
  const scopes = scopesOf(step);
  const grant = new parts.provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope(scopes.join(" "));
  grant.addResourceScope(parts.resource, scopes.join(" "));
  parts.rememberConsent(accountId, client.clientId, scopes);
  await finish(step, { consent: { grantId: await grant.save() } });
}

const scopesOf = ({ interaction }: Step): string[] => words(interaction.params["scope"]);

async function finish({ ctx, parts }: Step, result: InteractionResults): Promise<void> {
  ctx.redirect(await parts.provider.interactionResult(ctx.req, ctx.res, result));
  ctx.status = 303;
}
