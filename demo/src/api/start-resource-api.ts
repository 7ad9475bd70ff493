// The resource API: a Koa server that validates access tokens of any OpenID Provider. Used by main.ts, demo and tests.
import Koa from "koa";
import { createDpopVerifier, type DpopVerifier } from "@cloakroom/testing/dpop-verifier.ts";
import { listen } from "@cloakroom/testing/listener.ts";
import { createAccessTokenValidator } from "./access-token.ts";
import { requireAccessToken } from "./bearer.ts";
import type { OpenStreams } from "./event-stream.ts";
import { errorHandler } from "./problem.ts";
import { protectedRoutes } from "./protected-routes.ts";
import { publicRoutes } from "./public-routes.ts";
import { createUpgradeHandler } from "./socket.ts";

export type ApiOptions = {
  issuer: string;
  host?: string;
  /** Default 8000; 0 for any free port. */
  port?: number;
  audience?: string;
  jwksUrl?: string;
  rolesClaim?: string;
  tokenTypes?: readonly string[];
  /** DPoP proofs need a nonce of the API (RFC 9449 §9). */
  requireDpopNonce?: boolean;
  /** For tests: keeps every request in memory. */
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
  /** Rejects proofs with the current DPoP nonce from now on. */
  rotateDpopNonce: () => void;
  /** Stops listening and closes all connections; `up` listens on the same port again. */
  down: () => Promise<void>;
  up: () => Promise<void>;
  stop: () => Promise<void>;
};

export async function startResourceApi(options: ApiOptions): Promise<ResourceApi> {
  const requests: ApiRequest[] = [];
  const openStreams: OpenStreams = { count: 0 };
  const host = options.host ?? "127.0.0.1";
  const dpop = createDpopVerifier({ requireNonce: options.requireDpopNonce ?? false });
  const app = createApp(options, { openStreams, requests, dpop });
  const handleRequest = app.callback();
  const { port, down, up } = await listen((req, res) => void handleRequest(req, res), {
    host,
    port: options.port ?? 8000,
    upgrade: createUpgradeHandler(handleRequest),
  });
  return {
    url: `http://${host}:${port}`,
    port,
    requests,
    openEventStreams: () => openStreams.count,
    rotateDpopNonce: dpop.rotateNonce,
    down,
    up,
    stop: down,
  };
}

type AppState = { openStreams: OpenStreams; requests: ApiRequest[]; dpop: DpopVerifier };

function createApp(options: ApiOptions, { openStreams, requests, dpop }: AppState): Koa {
  const app = new Koa();
  app.on("error", (error: unknown) => options.onError?.(error));
  if (options.recordRequests === true)
    app.use(async function record(ctx, next) {
      await next();
      const { method, url, headers, status } = ctx;
      const sub = (ctx.state["claims"] as { sub?: string } | undefined)?.sub;
      requests.push({ method, url, headers, status, sub, aborted: ctx.req.socket.destroyed });
    });
  const publicRouter = publicRoutes();
  const protectedRouter = protectedRoutes({ rolesClaim: options.rolesClaim ?? "roles", openStreams });
  app.use(errorHandler);
  app.use(publicRouter.routes());
  app.use(publicRouter.allowedMethods());
  app.use(
    requireAccessToken(
      createAccessTokenValidator({
        issuer: options.issuer,
        audience: options.audience ?? "http://localhost:8000",
        tokenTypes: options.tokenTypes ?? ["at+jwt", "JWT"],
        ...(options.jwksUrl === undefined ? {} : { jwksUrl: options.jwksUrl }),
      }),
      dpop,
    ),
  );
  app.use(protectedRouter.routes());
  app.use(protectedRouter.allowedMethods());
  return app;
}
