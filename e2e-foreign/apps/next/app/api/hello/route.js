// Reached through the gateway, which adds the user's access token. A request from elsewhere has none that is valid.
import { createRemoteJWKSet, jwtVerify } from "jose";

const { OIDC_ISSUER: issuer, API_URL: audience } = process.env;
let keys;

export async function GET(request) {
  const token = request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "";
  try {
    keys ??= await providerKeys();
    const { payload } = await jwtVerify(token, keys, { issuer, audience });
    return Response.json({ hello: payload.preferred_username });
  } catch {
    return new Response(null, { status: 401, headers: { "WWW-Authenticate": "Bearer" } });
  }
}

async function providerKeys() {
  const metadata = await fetch(`${issuer}/.well-known/openid-configuration`);
  return createRemoteJWKSet(new URL((await metadata.json()).jwks_uri));
}
