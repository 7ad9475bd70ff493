// session.ts
import { createClient } from "@cloakroom/client";

interface Claims {
  readonly sub: string;
  readonly name?: string;
  readonly roles: readonly string[];
}

export const client = createClient<Claims>({ loggedOutPath: "/logged-out" });
