// An API that knows nothing of the gateway: it accepts access tokens of the provider.
import { createServer } from "node:http";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { OIDC_ISSUER: issuer, API_URL: audience, API_PORT: port = "8000" } = process.env;
const metadata = await fetch(`${issuer}/.well-known/openid-configuration`);
const keys = createRemoteJWKSet(new URL((await metadata.json()).jwks_uri));

createServer(async (request, response) => {
  const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  try {
    const { payload } = await jwtVerify(token, keys, { issuer, audience });
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ hello: payload.preferred_username }));
  } catch {
    response.writeHead(401, { "WWW-Authenticate": "Bearer" }).end();
  }
}).listen(Number(port), "127.0.0.1");
