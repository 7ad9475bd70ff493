// Hostile requests to a gateway in the other servers: hostile-requests.ts.
import { describeHostileRequests } from "./hostile-requests.ts";

describeHostileRequests(["node:http", "Fastify", "Hono", "Koa"]);
