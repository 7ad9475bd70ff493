// Interaction routes: login with password, one-time code, consent, cancel.
import type { Context, Middleware, Next } from "koa";
import { errors, type Client, type Interaction, type InteractionResults, type Provider } from "oidc-provider";
import { readForm } from "./form.ts";
import { pageHeaders } from "./page-headers.ts";
import { consentPage, loginPage, messagePage, oneTimeCodePage } from "./pages.ts";
import type { UserDirectory } from "./users.ts";
import { parseSpaceSeparated } from "./space-separated.ts";

const DEMO_ONE_TIME_CODE = "123456";
/** Reason of the one-time code prompt; see login-policy.ts. */
export const STEP_UP = "step_up";

type InteractionDependencies = {
  provider: Provider;
  users: UserDirectory;
  /** Stores the scopes that a user has granted to a client. */
  rememberConsent: (sub: string, clientId: string, scopes: readonly string[]) => void;
  resource: string;
};

type Step = { ctx: Context; interaction: Interaction; client: Client; dependencies: InteractionDependencies };

const ROUTE = /^\/interaction\/([\w-]+)(?:\/(login|code|consent|cancel))?$/;

export function interactions(dependencies: InteractionDependencies): Middleware {
  return async function interactionRoutes(ctx: Context, next: Next) {
    const [, uid, action] = ROUTE.exec(ctx.path) ?? [];
    if (uid === undefined) return next();
    try {
      const interaction = await dependencies.provider.interactionDetails(ctx.req, ctx.res);
      const client = await dependencies.provider.Client.find(String(interaction.params["client_id"]));
      // The cookie holds this browser's interaction; a uid of another one must not work (login CSRF).
      if (interaction.uid !== uid || client === undefined) throw new errors.SessionNotFound("another attempt");
      ctx.set(pageHeaders(client));
      await handleAction({ ctx, interaction, client, dependencies }, action);
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      ctx.status = 400;
      ctx.set(pageHeaders(undefined));
      ctx.body = messagePage("This login has expired", "Go back to the application and log in again.");
    }
  };
}

async function handleAction(step: Step, action: string | undefined): Promise<void> {
  const { ctx } = step;
  ctx.status = 200;
  ctx.type = "html";
  if (action === undefined && ctx.method === "GET") showPage(step);
  else if (action === undefined || ctx.method !== "POST") ctx.status = 405;
  else if (action === "login") await login(step);
  else if (action === "code") await oneTimeCode(step);
  else if (action === "consent") await consent(step);
  else await finish(step, { error: "access_denied", error_description: "cancelled by the user" });
}

const pathOf = ({ interaction }: Step): string => `/interaction/${interaction.uid}`;
const clientNameOf = ({ client }: Step): string => client.clientName ?? client.clientId;
const hasPrompt = ({ interaction }: Step, prompt: string): boolean => interaction.prompt.name === prompt;
const isStepUp = ({ interaction }: Step): boolean => interaction.prompt.reasons.every((reason) => reason === STEP_UP);

function showPage(step: Step): void {
  const { ctx, interaction } = step;
  const action = pathOf(step);
  const clientName = clientNameOf(step);
  const hint = interaction.params["login_hint"];
  if (hasPrompt(step, "consent")) ctx.body = consentPage({ action, clientName, scopes: scopesOf(step) });
  else if (isStepUp(step)) ctx.body = oneTimeCodePage({ action });
  else ctx.body = loginPage({ action, clientName, username: typeof hint === "string" ? hint : "" });
}

async function login(step: Step): Promise<void> {
  const form = await readForm(step.ctx.req);
  const username = form.get("username") ?? "";
  const user = await step.dependencies.users.authenticate(username, form.get("password") ?? "");
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
  const { interaction, client, dependencies } = step;
  const accountId = interaction.session?.accountId;
  if (accountId === undefined || !hasPrompt(step, "consent")) throw new errors.SessionNotFound("no login yet");
  const scopes = scopesOf(step);
  const grant = new dependencies.provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope(scopes.join(" "));
  grant.addResourceScope(dependencies.resource, scopes.join(" "));
  dependencies.rememberConsent(accountId, client.clientId, scopes);
  await finish(step, { consent: { grantId: await grant.save() } });
}

const scopesOf = ({ interaction }: Step): string[] => parseSpaceSeparated(interaction.params["scope"]);

async function finish({ ctx, dependencies }: Step, result: InteractionResults): Promise<void> {
  ctx.redirect(await dependencies.provider.interactionResult(ctx.req, ctx.res, result));
  ctx.status = 303;
}
