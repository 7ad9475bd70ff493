// The session client of this tab and its hook, with this app's user.
import { createClient } from "@cloakroom/client";
import { useSession as useSessionOf } from "@cloakroom/react";
import { paths } from "../paths.ts";
import { parseUser, type User } from "./user.ts";

export const client = createClient<User>({
  loggedOutPath: paths.loggedOut,
  parseUser,
  retry: { maxRetries: 5 },
});

export const useSession = useSessionOf<User>;
