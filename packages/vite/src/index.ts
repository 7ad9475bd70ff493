// The public interface of the package.
export { cloakroom } from "./plugin.ts";
export type { CloakroomOptions, CloakroomPluginApi, EmbeddedProviderOptions, InlineConfig } from "./options.ts";
