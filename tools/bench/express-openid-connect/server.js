// express-openid-connect with a session store, as in its README, in front of http-proxy-middleware.
import { RedisStore } from "connect-redis";
import express from "express";
import openIdConnect from "express-openid-connect";
import { createProxyMiddleware } from "http-proxy-middleware";
import { createClient } from "redis";

const { PORT, UPSTREAM, REDIS_URL, ISSUER, CLIENT_ID, CLIENT_SECRET } = process.env;
const { auth, requiresAuth } = openIdConnect;
const client = createClient({ url: REDIS_URL });
await client.connect();

const app = express();
app.use(
  auth({
    issuerBaseURL: ISSUER,
    baseURL: `http://localhost:${PORT}`,
    clientID: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    secret: "a-long-secret-for-the-bench-that-signs-cookies",
    authRequired: false,
    authorizationParams: { response_type: "code", scope: "openid profile email" },
    session: { store: new RedisStore({ client, prefix: "express:" }) },
  }),
);
app.use(
  "/api",
  requiresAuth(),
  (request, _response, next) => {
    request.headers.authorization = `Bearer ${request.oidc.accessToken.access_token}`;
    next();
  },
  createProxyMiddleware({ target: UPSTREAM, changeOrigin: true }),
);

const server = app.listen(Number(PORT), "127.0.0.1");
server.keepAliveTimeout = 120_000;
process.once("SIGTERM", () => process.exit());
process.on("disconnect", () => process.exit());
