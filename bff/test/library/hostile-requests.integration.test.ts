// Hostile requests to a gateway that is mounted as middleware: hostile-requests.ts.
import { describeHostileRequests } from "./hostile-requests.ts";

describeHostileRequests(["node:http with handler", "Express"]);
