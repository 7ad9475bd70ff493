import { getRequestListener } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { html } from "hono/html";
import { createGateway, rejectionResponse } from "@cloakroom/gateway";

const gateway = await createGateway({ file: "cloakroom.yaml" });
const app = new Hono();

app.get("/api/hello", async (context) => {
  const found = await gateway.session(context.env.incoming);
  if (found.kind !== "session") return rejectionResponse(found);
  return context.json({ hello: found.user.preferred_username });
});

// A page that the server renders for its user. Navigations have no custom header, hence another rule.
app.get("/", async (context) => {
  const found = await gateway.session(context.env.incoming, { access: "optional", csrf: "same-origin" });
  if (found.kind !== "session" && found.kind !== "anonymous") return rejectionResponse(found);
  return context.html(page(found));
});
app.use("/app.js", serveStatic({ root: "public" }));

const page = (found) =>
  html`<!doctype html>
    <html lang="en">
      <title>Hono</title>
      ${found.kind === "session" ? personal(found) : html`<a href="/bff/login">Log in</a>`}
    </html>`;

const personal = ({ user, session }) =>
  html`<p>Hello ${user.name}</p>
    <button id="call" data-session="${session.id}">Call the API</button>
    <p id="greeting" role="status"></p>
    <form method="post" action="/bff/logout"><button>Log out</button></form>
    <script type="module" src="/app.js"></script>`;

gateway.createServer(getRequestListener(app.fetch)).listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
