// Interaction policy: the library's prompts, and a one-time code for `acr_values=2`.
import { interactionPolicy, type KoaContextWithOIDC } from "oidc-provider";
import { STEP_UP } from "./interactions.ts";
import { parseSpaceSeparated } from "./space-separated.ts";

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
  const requested = parseSpaceSeparated(ctx.oidc.params?.["acr_values"]);
  return requested.includes(strongAcr) && !requested.includes("1") && ctx.oidc.session?.acr !== strongAcr;
}
