// When a person is asked for something: the library's rules plus the one-time code for `acr_values=2`.
import { interactionPolicy, type KoaContextWithOIDC } from "oidc-provider";
import { STEP_UP } from "./interactions.ts";
import { words } from "./words.ts";

const strongAcr = "2";

export function loginPolicy(): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  policy
    .get("login")
    ?.checks.add(
      new interactionPolicy.Check(STEP_UP, "a one-time code is required", "login_required", needsOneTimeCode),
    );
  return policy;
}

function needsOneTimeCode(ctx: KoaContextWithOIDC): boolean {
  const wanted = words(ctx.oidc.params?.["acr_values"]);
  return wanted.includes(strongAcr) && !wanted.includes("1") && ctx.oidc.session?.acr !== strongAcr;
}
