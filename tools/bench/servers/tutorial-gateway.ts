// Typical tutorial gateway: koa, koa-session with the session as JSON in Redis, openid-client, http-proxy-middleware.
import { createProxyMiddleware } from "http-proxy-middleware";
import { Redis } from "ioredis";
import Koa from "koa";
import session from "koa-session";
import * as oidc from "openid-client";

const env = (name: string): string => process.env[name] ?? "";
const redis = new Redis(env("REDIS_URL"));
const app = new Koa();
app.keys = ["a secret of the tutorial"];

const store = {
  get: async (key: string) => JSON.parse((await redis.get(key)) ?? "null") as object | null,
  set: async (key: string, value: object, maxAge: number) =>
    void (await redis.set(key, JSON.stringify(value), "PX", maxAge)),
  destroy: async (key: string) => void (await redis.del(key)),
};
app.use(session({ store, maxAge: 86_400_000 } as unknown as Parameters<typeof session>[0], app) as Koa.Middleware);

const provider = await oidc.discovery(new URL(env("ISSUER")), env("CLIENT_ID"), env("CLIENT_SECRET"), undefined, {
  execute: [oidc.allowInsecureRequests],
});
const redirectUri = `http://localhost:${env("PORT")}/callback`;
type TutorialSession = { attempt?: { verifier: string; state: string }; tokens?: oidc.TokenEndpointResponse };
const sessionOf = (ctx: Koa.Context) => (ctx as unknown as { session: TutorialSession }).session;

async function login(ctx: Koa.Context): Promise<void> {
  const attempt = { verifier: oidc.randomPKCECodeVerifier(), state: oidc.randomState() };
  sessionOf(ctx).attempt = attempt;
  const location = oidc.buildAuthorizationUrl(provider, {
    redirect_uri: redirectUri,
    scope: "openid profile email",
    state: attempt.state,
    code_challenge: await oidc.calculatePKCECodeChallenge(attempt.verifier),
    code_challenge_method: "S256",
  });
  ctx.redirect(location.href);
}

async function callback(ctx: Koa.Context): Promise<void> {
  const current = sessionOf(ctx);
  const { attempt } = current;
  if (attempt === undefined) return void (ctx.status = 400);
  current.tokens = await oidc.authorizationCodeGrant(provider, new URL(redirectUri + ctx.search), {
    pkceCodeVerifier: attempt.verifier,
    expectedState: attempt.state,
  });
  delete current.attempt;
  ctx.redirect("/");
}

const proxy = createProxyMiddleware({ target: env("UPSTREAM"), pathRewrite: { "^/api": "" }, changeOrigin: true });
app.use(async (ctx) => {
  if (ctx.path === "/login") return login(ctx);
  if (ctx.path === "/callback") return callback(ctx);
  if (!ctx.path.startsWith("/api/")) return;
  const accessToken = sessionOf(ctx).tokens?.access_token;
  if (accessToken === undefined) return void (ctx.status = 401);
  ctx.req.headers.authorization = `Bearer ${accessToken}`;
  ctx.respond = false;
  await proxy(ctx.req as never, ctx.res as never, () => undefined);
});

const server = app.listen(Number(env("PORT")), "127.0.0.1");
server.keepAliveTimeout = 120_000;

// A regular exit, so that Node writes the CPU profile.
process.once("SIGTERM", () => process.exit());
process.on("disconnect", () => process.exit());
