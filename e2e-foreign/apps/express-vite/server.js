import express from "express";
import { createGateway, sendRejection } from "@cloakroom/gateway";

const app = express();
const gateway = await createGateway({ file: "cloakroom.yaml" });

app.get("/api/hello", async (request, response) => {
  const found = await gateway.session(request);
  if (found.kind !== "session") return sendRejection(response, found);
  response.json({ hello: found.user.preferred_username });
});
app.use(express.static("dist"));

gateway.createServer(app).listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
