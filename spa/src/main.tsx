// Entry point: starts the session client and renders the app.
import { SessionProvider } from "@cloakroom/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router/dom";
import { createRouter } from "./router.tsx";
import { client } from "./session/session.ts";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");

// Before the router reads the URL, from which it removes the parameter of a login that returns with a draft.
client.start();
createRoot(root).render(
  <StrictMode>
    <SessionProvider client={client}>
      <RouterProvider router={createRouter()} />
    </SessionProvider>
  </StrictMode>,
);
