// Route middleware: loads the session before the loaders and pages below it. A parent's loader would not do, because
// loaders run in parallel. Not an access check: the gateway authorizes every request.
import type { Client } from "@cloakroom/client";

/**
 * For `middleware: [sessionMiddleware(client)]` of a route that has a loader: React Router runs middleware only there.
 * During an outage the pages are rendered with the status `unavailable`.
 */
export function sessionMiddleware(
  client: Client<unknown>,
): <Result>(args: unknown, next: () => Promise<Result>) => Promise<Result> {
  return async (_args, next) => {
    await client.ensureLoaded();
    return next();
  };
}
