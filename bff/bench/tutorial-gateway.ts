// What people write today: koa, koa-session with everything as JSON in Redis, http-proxy-middleware.
import { createProxyMiddleware } from "http-proxy-middleware";
import { Redis } from "ioredis";
import Koa from "koa";
import session from "koa-session";

const redis = new Redis(process.env["REDIS_URL"] ?? "");
const app = new Koa();
app.keys = ["a secret of the tutorial"];

const store = {
  get: async (key: string) => JSON.parse((await redis.get(key)) ?? "null") as object | null,
  set: async (key: string, value: object, maxAge: number) =>
    void (await redis.set(key, JSON.stringify(value), "PX", maxAge)),
  destroy: async (key: string) => void (await redis.del(key)),
};
app.use(session({ store, maxAge: 86_400_000 } as unknown as Parameters<typeof session>[0], app) as Koa.Middleware);

const proxy = createProxyMiddleware({
  target: process.env["UPSTREAM"] ?? "",
  pathRewrite: { "^/api": "" },
  changeOrigin: true,
});
type TutorialSession = { tokens?: { accessToken: string } };

app.use(async (ctx, next) => {
  const state = ctx as unknown as { session: TutorialSession };
  if (ctx.path === "/login") {
    // Tokens of the size that a provider gives, so that the record weighs what it weighs in production.
    const token = "x".repeat(1_200);
    state.session = { tokens: { accessToken: token, refreshToken: token, idToken: token } } as TutorialSession;
    ctx.body = "logged in";
    return;
  }
  const accessToken = state.session.tokens?.accessToken;
  if (accessToken === undefined) return void (ctx.status = 401);
  ctx.req.headers.authorization = `Bearer ${accessToken}`;
  ctx.respond = false;
  await next();
});
app.use(async (ctx) => {
  await proxy(ctx.req as never, ctx.res as never, () => undefined);
});

const server = app.listen(Number(process.env["PORT"]), "127.0.0.1", () => process.send?.("ready"));
server.keepAliveTimeout = 120_000;

// So that a profile is written when the measurement ends.
process.once("SIGTERM", () => process.exit());
