// main.tsx
import { SessionProvider } from "@cloakroom/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Account } from "./account.tsx";

const root = document.getElementById("root");
if (root === null) throw new Error("No element with the id root");

createRoot(root).render(
  <StrictMode>
    <SessionProvider options={{ loggedOutPath: "/logged-out" }}>
      <Account />
    </SessionProvider>
  </StrictMode>,
);
