// Routes without a token: health, icon, and the API documentation with its assets, served from node_modules.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import Router from "@koa/router";
import type { Context } from "koa";
import { openApiDocument } from "./openapi.ts";

const resolve = createRequire(import.meta.url).resolve;
const swaggerFolder = dirname(resolve("swagger-ui-dist/package.json"));

/** Same-origin resources only, except for inline styles, which both documentation pages set by script. */
const DOCS_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

type Asset = { type: string; load(): Buffer | string };

const file = (path: string) => () => readFileSync(path);

const ASSETS: Record<string, Asset> = {
  "/docs/swagger-ui.css": { type: "text/css", load: file(join(swaggerFolder, "swagger-ui.css")) },
  "/docs/swagger-ui-bundle.js": {
    type: "text/javascript",
    load: file(join(swaggerFolder, "swagger-ui-bundle.js")),
  },
  "/docs/start.js": {
    type: "text/javascript",
    load: () => 'SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true });\n',
  },
  "/redoc/redoc.standalone.js": { type: "text/javascript", load: redocScript },
  "/redoc/start.js": {
    type: "text/javascript",
    load: () => 'Redoc.init("openapi.json", {}, document.getElementById("docs"));\n',
  },
  "/favicon.ico": {
    type: "image/svg+xml",
    load: () =>
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#3a3fb5"/><path d="M4 5h8M4 8h8M4 11h5" stroke="#fff" stroke-width="1.6" stroke-linecap="round"/></svg>',
  },
};

/** Without the logo that ReDoc's footer loads from a CDN, which the CSP forbids. */
function redocScript(): string {
  const script = readFileSync(resolve("redoc/bundles/redoc.standalone.js"), "utf8");
  return script.replaceAll(/https:\/\/cdn\.redoc\.ly\/redoc\/[\w.-]+\.svg/g, "data:,");
}

export function publicRoutes(): Router {
  const router = new Router({ strict: true, sensitive: true });
  const cache = new Map<string, Buffer | string>();
  router.get("/health", (ctx) => {
    ctx.body = { status: "ok" };
  });
  router.get("/openapi.json", (ctx) => {
    ctx.body = openApiDocument;
  });
  router.get("/docs", (ctx) => page(ctx, { folder: "docs", script: "swagger-ui-bundle.js", style: "swagger-ui.css" }));
  router.get("/redoc", (ctx) => page(ctx, { folder: "redoc", script: "redoc.standalone.js" }));
  for (const [path, asset] of Object.entries(ASSETS))
    router.get(path, (ctx) => {
      const content = cache.get(path) ?? asset.load();
      cache.set(path, content);
      ctx.set("content-type", `${asset.type}; charset=utf-8`);
      ctx.set("cache-control", "max-age=3600");
      ctx.body = content;
    });
  return router;
}

type DocsPage = { folder: string; script: string; style?: string };

/** URLs are relative, so that the page works behind a path prefix. */
function page(ctx: Context, { folder, script, style }: DocsPage): void {
  ctx.set("content-security-policy", DOCS_CSP);
  ctx.type = "html";
  ctx.body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Resource API</title>
<link rel="icon" href="favicon.ico">
${style === undefined ? "" : `<link rel="stylesheet" href="${folder}/${style}">`}
</head>
<body>
<div id="docs"></div>
<script src="${folder}/${script}"></script>
<script src="${folder}/start.js"></script>
</body>
</html>`;
}
