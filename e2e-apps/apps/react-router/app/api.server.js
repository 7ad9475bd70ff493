// Calls the API with the access token that the gateway has added to the request.

/** @returns undefined without a user */
export async function currentUser(request) {
  const authorization = request.headers.get("authorization");
  if (authorization === null) return undefined;
  const response = await fetch(`${process.env.API_URL}/protected?message=loader`, { headers: { authorization } });
  return (await response.json()).user.preferred_username;
}
