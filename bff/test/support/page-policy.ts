// The page policies of a configuration, without the other settings that a configuration requires.
import {
  pagePolicy,
  pagePolicyErrors,
  PAGE_POLICY_SETTINGS,
  transportSecurity,
} from "../../src/config/page-policy-settings.ts";
import type { Setting } from "../../src/config/settings.ts";

export type PagePolicyEnv = Partial<Record<keyof typeof PAGE_POLICY_SETTINGS | "SPA_URL", string>>;
type Values = Parameters<typeof pagePolicy>[0];

/** @returns all faults, as the start reports them */
export function pagePolicyFaults(env: PagePolicyEnv): string[] {
  return readPagePolicy(env).faults;
}

/** @throws Error with the faults */
export function pagePolicyConfig(
  env: PagePolicyEnv = {},
  { publicOrigin = "https://app.example.com", production = true } = {},
) {
  const { values, faults } = readPagePolicy(env);
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return {
    publicOrigin,
    pagePolicy: pagePolicy(values, { publicOrigin, production }),
    transportSecurity: transportSecurity(values, publicOrigin),
  };
}

function readPagePolicy(env: PagePolicyEnv): { values: Values; faults: string[] } {
  const values: Record<string, unknown> = env.SPA_URL === undefined ? {} : { SPA_URL: env.SPA_URL };
  const faults: string[] = [];
  for (const [name, setting] of Object.entries<Setting>(PAGE_POLICY_SETTINGS)) {
    const raw = env[name as keyof PagePolicyEnv] ?? setting.default;
    if (raw === undefined) continue;
    const parsed = setting.schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else faults.push(...parsed.error.issues.map(({ message }) => `${name} ${message}`));
  }
  return { values: values as Values, faults: [...faults, ...pagePolicyErrors(values as Values)] };
}
