// parse-user.ts
import { createClient } from "@cloakroom/client";

// Checked instead of declared: an error makes the check fail, with the error as its cause.
export const checkedClient = createClient({
  parseUser: ({ sub, email, roles }) => {
    if (email === undefined) throw new Error("The provider sends no email: request the scope email");
    return { sub, email, isAdmin: roles?.includes("admin") === true };
  },
});
