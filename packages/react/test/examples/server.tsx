// server.tsx
import { SessionProvider } from "@cloakroom/react";
import { renderToString } from "react-dom/server";
import { Account } from "./account.tsx";

/** @param user the body of GET /bff/user, requested with the browser's cookie; undefined: the HTML holds nothing personal */
export function render(user: unknown): string {
  return renderToString(
    <SessionProvider initialUser={user}>
      <Account />
    </SessionProvider>,
  );
}
