import Fastify from "fastify";
import { createGateway, sendRejection } from "@cloakroom/gateway";

const gateway = await createGateway({ file: "cloakroom.yaml" });
const app = Fastify({ serverFactory: (handler) => gateway.createServer(handler) });

app.get("/api/hello", async (request, reply) => {
  const found = await gateway.session(request.raw);
  if (found.kind === "session") return { hello: found.user.preferred_username };
  reply.hijack();
  sendRejection(reply.raw, found);
});
// The files of `pages` in cloakroom.yaml, with their policies.
app.setNotFoundHandler((request, reply) => {
  reply.hijack();
  gateway.pages(request.raw, reply.raw);
});

await app.listen({ port: Number(process.env.PORT ?? 3000), host: "127.0.0.1" });
