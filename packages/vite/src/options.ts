// Options of the plugin, and what it offers to other plugins and tests.

/** The members of cloakroom.yaml. Relative paths in it need `import.meta.dirname`. */
export type InlineConfig = Readonly<Record<string, unknown>>;

export type EmbeddedUser = {
  username: string;
  password: string;
  name?: string;
  email?: string;
  roles?: string[];
  /** Default: a random UUID. */
  sub?: string;
};

export type EmbeddedProviderOptions = {
  /** Default: 4000, or a free port if it is taken. */
  port?: number;
  /** Default: alice and admin. */
  users?: EmbeddedUser[];
  /** Audience of the access tokens. */
  resource?: string;
};

export type CloakroomOptions = {
  /**
   * Path of the configuration file, relative to Vite's root, or its content. Default: `cloakroom.yaml` in Vite's root if it
   * exists; otherwise the environment configures the gateway.
   */
  config?: string | InlineConfig;
  /** Starts the OpenID Provider of @cloakroom/testing unless OIDC_ISSUER is set. Default false. */
  provider?: boolean | EmbeddedProviderOptions;
  /** The origin that browsers use. Default: http(s)://localhost with Vite's port. */
  origin?: string;
  /** Also starts the gateway, and `provider`, for `vite preview`. Default false. */
  preview?: boolean;
  /** Further environment variables of the gateway, for example LOG_LEVEL. */
  env?: Readonly<Record<string, string>>;
};

/** `plugin.api`: the state of the plugin's gateway. */
export type CloakroomPluginApi = {
  /** Resolves when the gateway accepts requests, or has not started. @returns the error; undefined if it runs */
  ready(): Promise<string | undefined>;
  /** Process id of the gateway; undefined while none runs. */
  gatewayPid(): number | undefined;
  /** Issuer of the embedded provider; undefined while none runs. */
  issuer(): string | undefined;
};
