// session.ts
import { createClient } from "@cloakroom/client";
import { useSession } from "@cloakroom/react";

export interface User {
  readonly sub: string;
  readonly displayName: string;
  readonly department: string | null;
}

export const client = createClient<User>({
  parseUser: ({ sub, name, department }) => ({
    sub,
    displayName: name ?? sub,
    department: typeof department === "string" ? department : null,
  }),
});

export const useAppSession = useSession<User>;
