// The resource API: usable with any OpenID Provider, alone (main.ts) or inside the demo and tests.
import Koa from "koa";
import { listen } from "@cloakroom/testing/listener.ts";
import { accessTokenVerifier } from "./access-token.ts";
import { bearer } from "./bearer.ts";
import type { OpenStreams } from "./events.ts";
import { openRoutes } from "./open-routes.ts";
import { problems } from "./problem.ts";
import { protectedRoutes } from "./routes.ts";
import { answerUpgrade } from "./socket.ts";

export type ApiOptions = {
  issuer: string;
  host?: string;
  /** 0 takes any free port. */
  port?: number;
  audience?: string;
  jwksUrl?: string;
  rolesClaim?: string;
  tokenTypes?: readonly string[];
  /** Keeps every request for tests; off, because a server must not grow with its traffic. */
  recordRequests?: boolean;
  onError?: (error: unknown) => void;
};

export type ApiRequest = {
  method: string;
  url: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  status: number;
  sub: string | undefined;
  /** The connection was closed before the response. */
  aborted: boolean;
};

export type ResourceApi = {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly ApiRequest[];
  openEventStreams: () => number;
  down: () => Promise<void>;
  up: () => Promise<void>;
  stop: () => Promise<void>;
};

export async function startResourceApi(options: ApiOptions): Promise<ResourceApi> {
  const requests: ApiRequest[] = [];
  const open: OpenStreams = { count: 0 };
  const host = options.host ?? "127.0.0.1";
  const app = apiApp(options, open, requests);
  const answer = app.callback();
  const { port, down, up } = await listen((req, res) => void answer(req, res), {
    host,
    port: options.port ?? 8000,
    upgrade: answerUpgrade(answer),
  });
  return {
    url: `http://${host}:${port}`,
    port,
    requests,
    openEventStreams: () => open.count,
    down,
    up,
    stop: down,
  };
}

function apiApp(options: ApiOptions, open: OpenStreams, requests: ApiRequest[]): Koa {
  const app = new Koa();
  app.on("error", (error: unknown) => options.onError?.(error));
  if (options.recordRequests === true)
    app.use(async function record(ctx, next) {
      await next();
      const { method, url, headers, status } = ctx;
      const sub = (ctx.state["claims"] as { sub?: string } | undefined)?.sub;
      requests.push({ method, url, headers, status, sub, aborted: ctx.req.socket.destroyed });
    });
  const openRouter = openRoutes();
  const router = protectedRoutes({ rolesClaim: options.rolesClaim ?? "roles", open });
  app.use(problems);
  app.use(openRouter.routes());
  app.use(openRouter.allowedMethods());
  app.use(
    bearer(
      accessTokenVerifier({
        issuer: options.issuer,
        audience: options.audience ?? "http://localhost:8000",
        tokenTypes: options.tokenTypes ?? ["at+jwt", "JWT"],
        ...(options.jwksUrl === undefined ? {} : { jwksUrl: options.jwksUrl }),
      }),
    ),
  );
  app.use(router.routes());
  app.use(router.allowedMethods());
  return app;
}
