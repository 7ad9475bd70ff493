// Entry point: starts the session checks and renders the app.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router/dom";
import { createRouter } from "./router.tsx";
import { watchSession } from "./session/watch-session.ts";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");

watchSession();
createRoot(root).render(
  <StrictMode>
    <RouterProvider router={createRouter()} />
  </StrictMode>,
);
