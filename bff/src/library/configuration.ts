// Generated from the settings by bff/scripts/config-types.ts (`npm run docs:tables`). Do not edit.
/* oxlint-disable max-lines -- generated */

/** The configuration of a gateway: what cloakroom.yaml holds. */
export interface Configuration {
  readonly $schema?: string | undefined;
  /** Origin that browsers use; https unless the host is loopback. Default: http://localhost:3000 */
  readonly origin?: string | FileContent | undefined;
  /** `loopback`: browsers that do not store `Secure` cookies over http (WebKit) get cookies without `Secure`. For development on http://localhost only; `npm start` and `npm run dev` set it. Default: never */
  readonly insecureCookies?: "never" | "loopback" | FileContent | undefined;
  /** Application id, part of all Redis names and of key derivation: equal on all instances of an application, different for each application. Unset: derived from OIDC_ISSUER, OIDC_CLIENT_ID and PUBLIC_ORIGIN. A change ends all sessions */
  readonly id?: string | FileContent | undefined;
  readonly listen?: {
    /** Address of the public listener. Default: 127.0.0.1 */
    readonly host?: string | FileContent | undefined;
    /** Port of the public listener. Default: 3000 */
    readonly port?: number | string | FileContent | undefined;
  } | undefined;
  readonly management?: {
    /** Address of the management listener (/livez, /readyz, /metrics, admin API). Default: 127.0.0.1 */
    readonly host?: string | FileContent | undefined;
    /** Port of the management listener. Default: 9000 */
    readonly port?: number | string | FileContent | undefined;
    /** Bearer token of the admin API on the management listener: at least 32 random bytes in base64 (`openssl rand -base64 32`). Several, separated by commas, may have names for the audit log (`alice:…,ci:…`). Unset: the admin API is off (404). ADMIN_TOKEN_FILE is read again when it changes */
    readonly adminToken?: string | FileContent | undefined;
  } | undefined;
  readonly forwardAuth?: {
    /** Address of the forward-auth listener, for a proxy that forwards the requests itself: `127.0.0.1:9001` or `unix:/run/cloakroom/forward-auth.sock`. An address that other machines reach needs the prefix `network:`, and its callers must be in TRUSTED_PROXIES. Unset: off */
    readonly listen?: string | FileContent | undefined;
    /** The proxy that calls FORWARD_AUTH_LISTEN: nginx (`auth_request`), traefik (`forwardAuth`), caddy (`forward_auth`) or envoy (`ext_authz`, HTTP service). Decides which headers describe the request */
    readonly proxy?: "nginx" | "traefik" | "caddy" | "envoy" | FileContent | undefined;
  } | undefined;
  readonly provider?: {
    /** Issuer URL of the provider, exactly as in its discovery document; http only if PUBLIC_ORIGIN is loopback */
    readonly issuer?: string | FileContent | undefined;
    /** Ids of the tenants whose users may log in, separated by commas, or `any`; required by, and only for, an OIDC_ISSUER with `/common/` or `/organizations/` (Entra ID) */
    readonly tenants?: readonly (string | FileContent)[] | string | FileContent | undefined;
    /** Base URL under which the gateway reaches the provider, if it differs from the browsers' URL */
    readonly internalUrl?: string | FileContent | undefined;
    /** Client id at the provider */
    readonly clientId?: string | FileContent | undefined;
    /** Client authentication: `client_secret_basic`, `client_secret_post`, `client_secret_jwt`, `private_key_jwt`, `tls_client_auth`, `self_signed_tls_client_auth`, `assertion_file`. Unset: `client_secret_basic` if the provider's metadata lists it or lists nothing, else `client_secret_post` if it lists that */
    readonly clientAuth?: "client_secret_basic" | "client_secret_post" | "client_secret_jwt" | "private_key_jwt" | "tls_client_auth" | "self_signed_tls_client_auth" | "assertion_file" | FileContent | undefined;
    /** Client secret at the provider. Required unless the method of `OIDC_CLIENT_AUTH` uses none. A file is read again for each use */
    readonly clientSecret?: string | FileContent | undefined;
    /** File with the client's private keys, for `private_key_jwt`, signed requests and mutual TLS: PEM (PKCS#8), JWK or JWKS. Several keys: the first one signs, all are published at `/bff/jwks.json`. Read again when it changes */
    readonly clientKeyFile?: string | FileContent | undefined;
    /** PEM file with the client's certificate (and its chain), for mutual TLS; its key is in `OIDC_CLIENT_KEY_FILE`. Read again when it changes */
    readonly clientCertFile?: string | FileContent | undefined;
    /** File with a JWT that authenticates the client (RFC 7523), for `assertion_file`, such as a Kubernetes service account token. Read again for each use */
    readonly clientAssertionFile?: string | FileContent | undefined;
    /** Signature algorithm of client assertions and signed requests. Unset: `alg` of the JWK, else by the key: RSA `PS256` if the provider lists it, else `RS256`; EC `ES256`, `ES384` or `ES512`; Ed25519 `EdDSA` */
    readonly clientAlg?: "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512" | "EdDSA" | "Ed25519" | FileContent | undefined;
    /** PEM file with CAs that are trusted for requests to the provider, besides the public ones. Read again when it changes */
    readonly caFile?: string | FileContent | undefined;
    /** Scopes requested at login, separated by spaces. Default: openid profile email */
    readonly scope?: readonly (string | FileContent)[] | string | FileContent | undefined;
    /** Resource indicator (RFC 8707) sent with logins and refreshes, for providers that require one */
    readonly resource?: string | FileContent | undefined;
    /** Accepted signature algorithm of ID tokens and logout tokens. Default: RS256 */
    readonly idTokenAlg?: "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512" | "EdDSA" | FileContent | undefined;
    /** Whether authorization responses must contain `iss` (RFC 9207); `auto`: if the discovery document says that the provider sends it. A present `iss` is always compared. Default: auto */
    readonly responseIss?: "auto" | "required" | "optional" | FileContent | undefined;
    /** Security profile: `fapi2` (FAPI 2.0 Security Profile) or `fapi2-message-signing`. Gives the required values to settings that are not set, rejects others, and checks the provider's metadata */
    readonly profile?: "fapi2" | "fapi2-message-signing" | FileContent | undefined;
    /** Pushed authorization requests (RFC 9126). `auto`: used where the provider advertises them, otherwise a plain request; `required`: logins fail without them; `off`: never used. Default: auto */
    readonly par?: "auto" | "required" | "off" | FileContent | undefined;
    /** Signed authorization requests (JAR, RFC 9101), with the first key of OIDC_CLIENT_KEY_FILE and the algorithm OIDC_CLIENT_ALG. Default: off */
    readonly signedRequest?: "on" | "off" | boolean | FileContent | undefined;
    /** Signed authorization responses (JARM): requested with `response_mode=jwt`, verified with OIDC_ID_TOKEN_ALG; plain responses are rejected. Default: off */
    readonly signedResponse?: "on" | "off" | boolean | FileContent | undefined;
    /** Whether logout tokens must have `typ: logout+jwt`; `optional` also accepts `JWT` and no `typ`, for providers that do not send `logout+jwt`. Default: required */
    readonly logoutTokenTyp?: "required" | "optional" | FileContent | undefined;
    /** Binds access tokens to a private key of the gateway: `dpop` (RFC 9449) to a key per session, `mtls` (RFC 8705) to the certificate in OIDC_CLIENT_CERT_FILE; `off`: bearer tokens. Default: off */
    readonly senderConstrained?: "off" | "dpop" | "mtls" | FileContent | undefined;
    /** Claims with the user's roles: names such as `realm_access.roles` (the claim of exactly this name, otherwise dots separate nested members), JSON Pointers, or a JSON array of names such as `["resource_access","my.client","roles"]`; several separated by blanks, their roles are merged. Default: roles */
    readonly rolesClaim?: string | readonly (readonly string[])[] | FileContent | undefined;
    /** Claims from the userinfo endpoint. `auto`: requested where the ID token has no roles (OIDC_ROLES_CLAIM), lacks `name` or `email` although the scope `profile` or `email` was granted, or lacks a claim of `identityHeaders` or `requiredClaims`; `always`: at every login and refresh; `off`: never. Default: auto */
    readonly userinfo?: "auto" | "always" | "off" | FileContent | undefined;
    /** Further audiences that ID tokens may name beside OIDC_CLIENT_ID, separated by blanks or commas; an ID token for any other audience is rejected */
    readonly audiences?: readonly (string | FileContent)[] | string | FileContent | undefined;
    /** Assumed lifetime of an access token, in seconds, if the token response has no `expires_in` and the token no `exp`. Default: 3600 */
    readonly accessTokenSeconds?: number | string | FileContent | undefined;
    /** Further parameters of every authorization request, form-encoded, e.g. `audience=https%3A%2F%2Fapi.example.com&access_type=offline`; parameters of a link to /bff/login take precedence */
    readonly loginParameters?: Readonly<Record<string, string>> | string | FileContent | undefined;
    /** Further parameters of every logout request, form-encoded; `{return_uri}` stands for PUBLIC_ORIGIN/bff/logout/return. Amazon Cognito: `logout_uri={return_uri}` */
    readonly logoutParameters?: Readonly<Record<string, string>> | string | FileContent | undefined;
    /** Time-out of a request to the provider, in seconds. Default: 10 */
    readonly timeoutSeconds?: number | string | FileContent | undefined;
    /** At most this many token refreshes per second, over all instances of the application; 0: no limit. Default: 100 */
    readonly refreshesPerSecond?: number | string | FileContent | undefined;
    readonly keycloakAdmin?: {
      /** Separate Keycloak client whose service account may end sessions, so that "log out everywhere" also ends the sessions at Keycloak */
      readonly clientId?: string | FileContent | undefined;
      /** Secret of that client */
      readonly clientSecret?: string | FileContent | undefined;
    } | undefined;
    /** URL of the provider's account page, which the app links to. Keycloak: OIDC_ISSUER plus `/account/?referrer=` and OIDC_CLIENT_ID */
    readonly accountUrl?: string | FileContent | undefined;
  } | undefined;
  readonly outboundProxy?: {
    /** Proxy for https requests to the provider (CONNECT), with user and password if it requires them. Also `https_proxy`, which takes precedence. Not used for upstreams and Redis */
    readonly https?: string | FileContent | undefined;
    /** Proxy for http requests to the provider (CONNECT). Also `http_proxy` */
    readonly http?: string | FileContent | undefined;
    /** Hosts of the provider that are reached without the proxy, separated by commas or spaces: `example.com` (with its subdomains), `.example.com`, `*.example.com`, `10.0.0.7`, `[::1]`, each optionally with `:port`; `*` for all. Also `no_proxy` */
    readonly bypass?: readonly (string | FileContent)[] | string | FileContent | undefined;
  } | undefined;
  /** `on`: the app may start one login without a page of the provider (`prompt=none`) when a tab opens without a session. Default: off */
  readonly silentLogin?: "off" | "on" | boolean | FileContent | undefined;
  /** Path of the page after a logout. The provider redirects to `/bff/logout/return`, which redirects there: register PUBLIC_ORIGIN plus `/bff/logout/return` as post-logout redirect URI. Default: / */
  readonly postLogoutPath?: string | FileContent | undefined;
  readonly redis?: {
    /** Session store. Unset: in the memory of the process; rejected if NODE_ENV=production */
    readonly url?: string | FileContent | undefined;
    /** PEM file with the CA of the Redis servers and Sentinels, for rediss://; unset: the public CAs */
    readonly caFile?: string | FileContent | undefined;
    /** PEM file with the client certificate, for servers that require one (tls-auth-clients) */
    readonly certFile?: string | FileContent | undefined;
    /** PEM file with the private key of REDIS_CERT_FILE */
    readonly keyFile?: string | FileContent | undefined;
    /** User name for the Sentinels; the user of REDIS_URL is for the servers */
    readonly sentinelUsername?: string | FileContent | undefined;
    /** Password for the Sentinels, if they require one */
    readonly sentinelPassword?: string | FileContent | undefined;
    /** Time-out of a Redis command, in milliseconds. Default: 400 */
    readonly timeoutMs?: number | string | FileContent | undefined;
    /** Number of replicas that must confirm a logout before it succeeds; otherwise 503. Unset: 1 with Sentinel and with a Cluster that has replicas, else 0 */
    readonly confirmReplicas?: number | string | FileContent | undefined;
  } | undefined;
  /** Master keys, comma-separated, newest first: at least 32 random bytes each in base64url */
  readonly secretKeys?: readonly (string | FileContent)[] | string | FileContent | undefined;
  readonly session?: {
    /** Idle limit: a session ends after this many seconds without a request. Default: 1800 */
    readonly idleSeconds?: number | string | FileContent | undefined;
    /** Absolute limit: a session ends this many seconds after login. Default: 28800 */
    readonly maxSeconds?: number | string | FileContent | undefined;
    /** At most this many concurrent sessions per user: a further login ends the oldest; 0: no limit. Default: 0 */
    readonly perUser?: number | string | FileContent | undefined;
    /** Lifetime of session cache entries in seconds; the cache is used while Redis sends invalidations. 0: every request reads Redis. Must be equal on all instances. Default: 30 */
    readonly cacheSeconds?: number | string | FileContent | undefined;
  } | undefined;
  readonly limits?: {
    /** Load shedding: at most this many requests per process that wait for their response to begin, not counting uploads in progress; beyond that 503, except for logouts. Of several applications, each has a reserved part. Default: 2000 */
    readonly waitingRequests?: number | string | FileContent | undefined;
    /** Of these, at most this many requests of one session to upstreams; beyond that 429. Unset: a quarter of `MAX_WAITING_REQUESTS`, at least 6 (the connections of a browser) */
    readonly waitingPerSession?: number | string | FileContent | undefined;
    /** Of these, at most this many requests of one client address (of IPv6: one /64) without a verified session; beyond that 429. Unset: half of `MAX_WAITING_REQUESTS`, at least 6. Behind a proxy set `TRUSTED_PROXIES`; otherwise all clients share the proxy's address */
    readonly waitingPerAddress?: number | string | FileContent | undefined;
    /** At most this many open connections per process; further ones are closed immediately. Default: 20000 */
    readonly connections?: number | string | FileContent | undefined;
    /** At most this many open event streams (/bff/events) per process, 32 per session and 128 per user; beyond that 429. Of several applications, each has a reserved part. Default: 10000 */
    readonly eventStreams?: number | string | FileContent | undefined;
  } | undefined;
  /** APIs, comma-separated `prefix=base URL`, e.g. `/api=http://localhost:8000` */
  readonly upstreams?: readonly UpstreamRow[] | string | FileContent | undefined;
  /** JSON file with a list of upstreams, for options beyond prefix and base URL */
  readonly upstreamsFile?: string | FileContent | undefined;
  readonly pages?: {
    /** Folder of the built SPA; unset: no files are served */
    readonly root?: string | FileContent | undefined;
    /** URL of the page of an SPA whose build is on a CDN, instead of SPA_ROOT. The gateway fetches it, revalidates it every 30 seconds and serves the last version while the CDN does not respond. Its scripts and other files load from the CDN */
    readonly url?: string | FileContent | undefined;
  } | undefined;
  readonly contentSecurityPolicy?: {
    /** Sources added to the Content-Security-Policy of the app's pages, by directive: `style-src 'unsafe-inline'; connect-src https://*.ingest.sentry.io`. Each source weakens the policy by exactly what it names */
    readonly additions?: CspDirectives | string | FileContent | undefined;
    /** Dangerous sources that CSP_ADDITIONS may contain, separated by blanks: `unsafe-eval`, `unsafe-inline-scripts`, `unsafe-hashes`, `fixed-nonce-scripts`, `strict-dynamic`, `wildcard-scripts`, `data-scripts`, `shared-script-hosts`, `wildcard-frame-ancestors`, `wildcard-form-action`, `wildcard-base-uri`, `wildcard-connections`, `plain-http`. Each makes an injection into the page worse; the error message says how */
    readonly allow?: readonly (string | FileContent)[] | string | FileContent | undefined;
    /** `on`: browsers report violations of the policy and block nothing, except framing. For the migration of an app only: injected scripts run. Default: off */
    readonly reportOnly?: "off" | "on" | boolean | FileContent | undefined;
    /** Where browsers report violations. `on`: to `/bff/csp-reports`, which logs each kind of violation once; `auto`: as `on` in development (PUBLIC_ORIGIN is loopback, NODE_ENV is not `production`) and with CSP_REPORT_ONLY, otherwise `off`; an https URL: to that collector, which learns the URLs of the pages. Default: auto */
    readonly reports?: string | boolean | FileContent | undefined;
    /** `required`: no text becomes markup or code (`innerHTML`, `eval`, URLs of workers and service workers) in Chromium; names, separated by blanks: the app may create Trusted Types policies of these names; `off`: no restriction; the app itself must prevent injection through `innerHTML`. Default: required */
    readonly trustedTypes?: readonly (string | FileContent)[] | string | FileContent | undefined;
  } | undefined;
  readonly headers?: {
    /** `same-origin-allow-popups`: the app keeps a reference to pop-ups of other sites, for payment or sign-in windows; `unsafe-none`: sites that open the app also keep a reference to it. Default: same-origin */
    readonly crossOriginOpenerPolicy?: "same-origin" | "same-origin-allow-popups" | "noopener-allow-popups" | "unsafe-none" | FileContent | undefined;
    /** `require-corp` or `credentialless` with CROSS_ORIGIN_OPENER_POLICY=same-origin isolates the pages, which `SharedArrayBuffer` and WebAssembly threads need. Resources of other origins must then opt in (CORP or CORS). Default: unsafe-none */
    readonly crossOriginEmbedderPolicy?: "unsafe-none" | "credentialless" | "require-corp" | FileContent | undefined;
    /** Which sites may embed the app's files, e.g. its logo: `same-site` sibling hosts, `cross-origin` all. API responses stay `same-origin`. Default: same-origin */
    readonly crossOriginResourcePolicy?: "same-origin" | "same-site" | "cross-origin" | FileContent | undefined;
    /** Browser features by name: `camera=(self), geolocation=(self "https://maps.example.com")`. Replaces the default of each named feature; by default camera, geolocation, microphone, payment and usb are `()`, which is off */
    readonly permissionsPolicy?: Permissions | string | FileContent | undefined;
    /** What other sites learn of the page that links to them: nothing (`same-origin`), its origin (`strict-origin`, `strict-origin-when-cross-origin`, `origin`, `origin-when-cross-origin`), or its whole URL (`no-referrer-when-downgrade`). Default: same-origin */
    readonly referrerPolicy?: "same-origin" | "strict-origin" | "strict-origin-when-cross-origin" | "origin" | "origin-when-cross-origin" | "no-referrer-when-downgrade" | FileContent | undefined;
    /** HSTS of all responses: browsers use https for this host for `max-age` seconds, with `includeSubDomains` also for its sub-domains. `off`: the first request of a visit may go over http, where it can be intercepted. Never sent for http and loopback origins. Default: max-age=63072000; includeSubDomains */
    readonly strictTransportSecurity?: TransportSecurity | string | FileContent | undefined;
  } | undefined;
  /** Folder with custom templates of the gateway's pages (`error.html`, `continue.html`, `confirm.html`) and texts in further languages (`fr.json`). Unset: the built-in pages, in English and German */
  readonly errorPages?: string | FileContent | undefined;
  /** CIDR list of proxies whose X-Forwarded-For is trusted, for the client address in the log, in quotas and towards upstreams */
  readonly trustedProxies?: readonly (string | FileContent)[] | string | FileContent | undefined;
  /** Number of processes that share the listener; crashed ones are restarted. Above 1 requires REDIS_URL. Default: 1 */
  readonly workers?: number | string | FileContent | undefined;
  /** Graceful shutdown: seconds in which requests in flight can finish after SIGTERM. Default: 10 */
  readonly drainSeconds?: number | string | FileContent | undefined;
  readonly log?: {
    /** Minimum level of log lines. Default: info */
    readonly level?: "debug" | "info" | "warn" | "error" | "silent" | FileContent | undefined;
  } | undefined;
  /** Applications; settings of applications at the top level are their defaults */
  readonly applications?: readonly ApplicationConfiguration[] | undefined;
}

/** the content of a file */
export interface FileContent {
  readonly file: string;
}

export interface UpstreamRow {
  /** a path of the public origin, such as `/api` or `/graphql`; `/`: all paths that no other row and no route of `/bff` has (server-rendered pages). The longest matching prefix wins. The base URL replaces it */
  readonly prefix: string;
  /** URL of the upstream. A list balances the requests over several servers of one service */
  readonly baseUrl: readonly string[] | string;
  /** allowed methods; others get 405. Default: ["GET","HEAD","POST","PUT","PATCH","DELETE","OPTIONS"] */
  readonly methods?: readonly ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS")[] | undefined;
  /** who may send requests. `session` (default): users with a session; others get 401 · `optional`: everyone, with the user's token if there is a session · `public`: everyone; the session is not read, no token is sent and no CSRF check is made (webhooks, open APIs) · `bearer`: machine clients with their own access token, see `bearer`; no session is read and no CSRF check is made · `session-or-bearer`: with the header `Authorization` as `bearer`, without it as `session` */
  readonly access?: "session" | "optional" | "public" | "bearer" | "session-or-bearer" | undefined;
  /** which access token is sent. `user` (default; `none` with `access: public`): the user's, or the one that the client brought · `client`: the gateway's own (client credentials) · `none`: no token. `none` without `access` means `access: public` with `csrf: header`; `optional` is the old spelling of `access: optional` */
  readonly token?: "user" | "optional" | "none" | "client" | undefined;
  /** CSRF check. `header` (default): every request has `X-CSRF: 1` and is same-origin · `fetch-metadata`: as `header`, but GET, HEAD and OPTIONS only need `Sec-Fetch-Site: same-origin`, so that images, downloads and media of an API work in a page · `same-origin` (server-rendered pages): every method needs a same-origin `Sec-Fetch-Site` or `Origin`; navigations with GET always pass · `none` (default with `access: public` and `bearer`, not allowed with a session) */
  readonly csrf?: "header" | "fetch-metadata" | "same-origin" | "none" | undefined;
  /** rows with `access: bearer` or `session-or-bearer`: how access tokens of clients are validated, an object. `audience`: a string or a list, of which the token must name one; required unless `clientIds` (allowed `client_id` or `azp`) is set · `issuer` and `jwksUri`: another provider than that of OIDC_ISSUER · `algorithms`: accepted signature algorithms · `typ`: `required` (`at+jwt`), or `optional` for providers whose access tokens have `JWT` · `clockSkewSeconds` · `introspection` (RFC 7662): `{ tokens: opaque or all, endpoint, cacheSeconds }` · `dpop`: `required` rejects tokens without a key · `forwardProof`: also send the client's DPoP proof to the upstream. See machine clients */
  readonly bearer?: {
    readonly audience?: readonly string[] | undefined;
    readonly clientIds?: readonly string[] | undefined;
    readonly issuer?: string | undefined;
    readonly jwksUri?: string | undefined;
    /** Default: ["RS256","RS384","RS512","PS256","PS384","PS512","ES256","ES384","ES512","EdDSA","Ed25519"] */
    readonly algorithms?: readonly ("RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512" | "EdDSA" | "Ed25519")[] | undefined;
    /** Default: "required" */
    readonly typ?: "required" | "optional" | undefined;
    /** Default: 30 */
    readonly clockSkewSeconds?: number | undefined;
    readonly introspection?: {
      /** Default: "opaque" */
      readonly tokens?: "opaque" | "all" | undefined;
      readonly endpoint?: string | undefined;
      /** Default: 30 */
      readonly cacheSeconds?: number | undefined;
    } | undefined;
    /** Default: "optional" */
    readonly dpop?: "optional" | "required" | undefined;
    /** Default: false */
    readonly forwardProof?: boolean | undefined;
  } | undefined;
  /** accept `%2F` in paths below the prefix, for APIs whose identifiers contain slashes. The upstream must not decode it before it checks permissions. Default: false */
  readonly encodedSlashes?: boolean | undefined;
  /** audience of the token: by token exchange (RFC 8693) for the user's token, as request parameter for the gateway's own */
  readonly audience?: string | undefined;
  /** like `audience`, for providers that use resource indicators (RFC 8707) */
  readonly resource?: string | undefined;
  /** scopes to request for that token; without `audience`: exchanges the user's token for a narrower one */
  readonly scope?: string | undefined;
  /** renew the access token once when the upstream rejects it (401 with `invalid_token`), and repeat the request if it has no body and its method is GET, HEAD, OPTIONS, PUT or DELETE. Default: true */
  readonly refreshOn401?: boolean | undefined;
  /** the user must have at least one of these roles; otherwise 403. Default: [] */
  readonly requiredRoles?: readonly string[] | undefined;
  /** all of these scopes must have been granted at login; otherwise 403. Default: [] */
  readonly requiredScopes?: readonly string[] | undefined;
  /** rules about claims of the user, all of which must hold; otherwise 403: `[{ "claim": "tier", "values": ["gold", "silver"] }]`. The claim, or an element of it if it is a list, must equal one of the values (guide). Default: [] */
  readonly requiredClaims?: readonly ({
    readonly claim: string | readonly string[];
    readonly values: readonly (string | number | boolean)[];
  })[] | undefined;
  /** accepted values of the claim `acr` (strength of the login); otherwise 401 `step_up_required` with the URL of a login that asks for them (RFC 9470). On rows for pages, navigations go to that login. Default: [] */
  readonly requiredAcr?: readonly string[] | undefined;
  /** maximum time since the user authenticated (`auth_time`), in seconds; otherwise 401 `step_up_required` as for `requiredAcr`. A session or token without `auth_time` counts as too old */
  readonly maxAuthenticationAgeSeconds?: number | undefined;
  /** headers added to every request, replacing the browser's; a value is a string or `{ "file": "path" }`. Default: {} */
  readonly headers?: Readonly<Record<string, string | {
    readonly file: string;
  }>> | undefined;
  /** allow-list of browser headers to forward in addition to the standard ones. Unset: all except headers that upstreams may interpret as an identity, an address, a URL or a method */
  readonly requestHeaders?: readonly string[] | undefined;
  /** claims about the user as headers: `{ "X-User-Email": "email", "X-Groups": { "claim": "groups", "separator": "," } }`. Always set, empty if the claim is absent; the browser's copies are removed on all rows (guide). Default: {} */
  readonly identityHeaders?: Readonly<Record<string, string | readonly string[] | {
    readonly claim: string | readonly string[];
    readonly format?: "text" | "list" | "json" | undefined;
    readonly separator?: string | undefined;
    readonly encoding?: "utf-8" | "percent" | undefined;
    readonly maxBytes?: number | undefined;
  }>> | undefined;
  /** maximum number of requests in any time span of `seconds`: `{ "perUser": { "requests": 600, "seconds": 60 }, "perAddress": … }`, counted over all instances; beyond that 429 */
  readonly rateLimit?: {
    readonly perUser?: {
      readonly requests: number;
      readonly seconds: number;
    } | undefined;
    readonly perAddress?: {
      readonly requests: number;
      readonly seconds: number;
    } | undefined;
  } | undefined;
  /** time-out of connecting; 504. Default: 5000 */
  readonly connectTimeoutMs?: number | undefined;
  /** time-out of the response headers; 504. Default: 60000 */
  readonly headersTimeoutMs?: number | undefined;
  /** time-out between two chunks of a response body; 0: none, for event streams. Default: 0 */
  readonly bodyIdleTimeoutMs?: number | undefined;
  /** maximum request body; beyond that 413. Default: 1073741824 */
  readonly maxBodyBytes?: number | undefined;
  /** maximum connections per server, with one request at a time on each; 0: no limit. Default: 0 */
  readonly maxConnections?: number | undefined;
  /** maximum requests waiting for a connection; beyond that 503 immediately. Default: 100 */
  readonly maxQueued?: number | undefined;
  /** maximum wait for a connection; 503. Default: 2000 */
  readonly queueTimeoutMs?: number | undefined;
  /** circuit breaker: opens after this many consecutive connection failures; 0: never. Default: 5 */
  readonly breakerFailures?: number | undefined;
  /** interval of half-open probes: one request per interval passes, all others get 503. Default: 5000 */
  readonly breakerOpenMs?: number | undefined;
  /** response statuses that count as failures, e.g. [502, 503]. Default: [] */
  readonly breakerStatuses?: readonly number[] | undefined;
  /** PEM file with the trusted CAs; unset: the public CAs */
  readonly caFile?: string | undefined;
  /** PEM file with the client certificate (mTLS) */
  readonly certFile?: string | undefined;
  /** PEM file with the private key of `certFile`, without a passphrase */
  readonly keyFile?: string | undefined;
  /** name expected in the upstream's certificate, if it differs from the host of `baseUrl` */
  readonly serverName?: string | undefined;
  /** forward WebSockets; always on in the short form `UPSTREAMS`. Default: false */
  readonly webSocket?: boolean | undefined;
  /** maximum open WebSockets per instance; beyond that 503. Default: 10000 */
  readonly maxWebSockets?: number | undefined;
  /** maximum open WebSockets per session; beyond that 429. Default: 20 */
  readonly maxWebSocketsPerSession?: number | undefined;
  /** closes a WebSocket after this time without any data, including pings; 0: never. Default: 600000 */
  readonly webSocketIdleTimeoutMs?: number | undefined;
  /** closes a WebSocket after this time; the end of its session closes it earlier. Default: 86400000 */
  readonly webSocketMaxLifetimeMs?: number | undefined;
}

export interface ApplicationConfiguration {
  /** Origin that browsers use; https unless the host is loopback. Default: http://localhost:3000 */
  readonly origin?: string | FileContent | undefined;
  /** `loopback`: browsers that do not store `Secure` cookies over http (WebKit) get cookies without `Secure`. For development on http://localhost only; `npm start` and `npm run dev` set it. Default: never */
  readonly insecureCookies?: "never" | "loopback" | FileContent | undefined;
  /** Application id, part of all Redis names and of key derivation: equal on all instances of an application, different for each application. Unset: derived from OIDC_ISSUER, OIDC_CLIENT_ID and PUBLIC_ORIGIN. A change ends all sessions */
  readonly id?: string | FileContent | undefined;
  readonly provider?: {
    /** Issuer URL of the provider, exactly as in its discovery document; http only if PUBLIC_ORIGIN is loopback */
    readonly issuer?: string | FileContent | undefined;
    /** Ids of the tenants whose users may log in, separated by commas, or `any`; required by, and only for, an OIDC_ISSUER with `/common/` or `/organizations/` (Entra ID) */
    readonly tenants?: readonly (string | FileContent)[] | string | FileContent | undefined;
    /** Base URL under which the gateway reaches the provider, if it differs from the browsers' URL */
    readonly internalUrl?: string | FileContent | undefined;
    /** Client id at the provider */
    readonly clientId?: string | FileContent | undefined;
    /** Client authentication: `client_secret_basic`, `client_secret_post`, `client_secret_jwt`, `private_key_jwt`, `tls_client_auth`, `self_signed_tls_client_auth`, `assertion_file`. Unset: `client_secret_basic` if the provider's metadata lists it or lists nothing, else `client_secret_post` if it lists that */
    readonly clientAuth?: "client_secret_basic" | "client_secret_post" | "client_secret_jwt" | "private_key_jwt" | "tls_client_auth" | "self_signed_tls_client_auth" | "assertion_file" | FileContent | undefined;
    /** Client secret at the provider. Required unless the method of `OIDC_CLIENT_AUTH` uses none. A file is read again for each use */
    readonly clientSecret?: string | FileContent | undefined;
    /** File with the client's private keys, for `private_key_jwt`, signed requests and mutual TLS: PEM (PKCS#8), JWK or JWKS. Several keys: the first one signs, all are published at `/bff/jwks.json`. Read again when it changes */
    readonly clientKeyFile?: string | FileContent | undefined;
    /** PEM file with the client's certificate (and its chain), for mutual TLS; its key is in `OIDC_CLIENT_KEY_FILE`. Read again when it changes */
    readonly clientCertFile?: string | FileContent | undefined;
    /** File with a JWT that authenticates the client (RFC 7523), for `assertion_file`, such as a Kubernetes service account token. Read again for each use */
    readonly clientAssertionFile?: string | FileContent | undefined;
    /** Signature algorithm of client assertions and signed requests. Unset: `alg` of the JWK, else by the key: RSA `PS256` if the provider lists it, else `RS256`; EC `ES256`, `ES384` or `ES512`; Ed25519 `EdDSA` */
    readonly clientAlg?: "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512" | "EdDSA" | "Ed25519" | FileContent | undefined;
    /** PEM file with CAs that are trusted for requests to the provider, besides the public ones. Read again when it changes */
    readonly caFile?: string | FileContent | undefined;
    /** Scopes requested at login, separated by spaces. Default: openid profile email */
    readonly scope?: readonly (string | FileContent)[] | string | FileContent | undefined;
    /** Resource indicator (RFC 8707) sent with logins and refreshes, for providers that require one */
    readonly resource?: string | FileContent | undefined;
    /** Accepted signature algorithm of ID tokens and logout tokens. Default: RS256 */
    readonly idTokenAlg?: "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512" | "EdDSA" | FileContent | undefined;
    /** Whether authorization responses must contain `iss` (RFC 9207); `auto`: if the discovery document says that the provider sends it. A present `iss` is always compared. Default: auto */
    readonly responseIss?: "auto" | "required" | "optional" | FileContent | undefined;
    /** Security profile: `fapi2` (FAPI 2.0 Security Profile) or `fapi2-message-signing`. Gives the required values to settings that are not set, rejects others, and checks the provider's metadata */
    readonly profile?: "fapi2" | "fapi2-message-signing" | FileContent | undefined;
    /** Pushed authorization requests (RFC 9126). `auto`: used where the provider advertises them, otherwise a plain request; `required`: logins fail without them; `off`: never used. Default: auto */
    readonly par?: "auto" | "required" | "off" | FileContent | undefined;
    /** Signed authorization requests (JAR, RFC 9101), with the first key of OIDC_CLIENT_KEY_FILE and the algorithm OIDC_CLIENT_ALG. Default: off */
    readonly signedRequest?: "on" | "off" | boolean | FileContent | undefined;
    /** Signed authorization responses (JARM): requested with `response_mode=jwt`, verified with OIDC_ID_TOKEN_ALG; plain responses are rejected. Default: off */
    readonly signedResponse?: "on" | "off" | boolean | FileContent | undefined;
    /** Whether logout tokens must have `typ: logout+jwt`; `optional` also accepts `JWT` and no `typ`, for providers that do not send `logout+jwt`. Default: required */
    readonly logoutTokenTyp?: "required" | "optional" | FileContent | undefined;
    /** Binds access tokens to a private key of the gateway: `dpop` (RFC 9449) to a key per session, `mtls` (RFC 8705) to the certificate in OIDC_CLIENT_CERT_FILE; `off`: bearer tokens. Default: off */
    readonly senderConstrained?: "off" | "dpop" | "mtls" | FileContent | undefined;
    /** Claims with the user's roles: names such as `realm_access.roles` (the claim of exactly this name, otherwise dots separate nested members), JSON Pointers, or a JSON array of names such as `["resource_access","my.client","roles"]`; several separated by blanks, their roles are merged. Default: roles */
    readonly rolesClaim?: string | readonly (readonly string[])[] | FileContent | undefined;
    /** Claims from the userinfo endpoint. `auto`: requested where the ID token has no roles (OIDC_ROLES_CLAIM), lacks `name` or `email` although the scope `profile` or `email` was granted, or lacks a claim of `identityHeaders` or `requiredClaims`; `always`: at every login and refresh; `off`: never. Default: auto */
    readonly userinfo?: "auto" | "always" | "off" | FileContent | undefined;
    /** Further audiences that ID tokens may name beside OIDC_CLIENT_ID, separated by blanks or commas; an ID token for any other audience is rejected */
    readonly audiences?: readonly (string | FileContent)[] | string | FileContent | undefined;
    /** Assumed lifetime of an access token, in seconds, if the token response has no `expires_in` and the token no `exp`. Default: 3600 */
    readonly accessTokenSeconds?: number | string | FileContent | undefined;
    /** Further parameters of every authorization request, form-encoded, e.g. `audience=https%3A%2F%2Fapi.example.com&access_type=offline`; parameters of a link to /bff/login take precedence */
    readonly loginParameters?: Readonly<Record<string, string>> | string | FileContent | undefined;
    /** Further parameters of every logout request, form-encoded; `{return_uri}` stands for PUBLIC_ORIGIN/bff/logout/return. Amazon Cognito: `logout_uri={return_uri}` */
    readonly logoutParameters?: Readonly<Record<string, string>> | string | FileContent | undefined;
    /** Time-out of a request to the provider, in seconds. Default: 10 */
    readonly timeoutSeconds?: number | string | FileContent | undefined;
    /** At most this many token refreshes per second, over all instances of the application; 0: no limit. Default: 100 */
    readonly refreshesPerSecond?: number | string | FileContent | undefined;
    readonly keycloakAdmin?: {
      /** Separate Keycloak client whose service account may end sessions, so that "log out everywhere" also ends the sessions at Keycloak */
      readonly clientId?: string | FileContent | undefined;
      /** Secret of that client */
      readonly clientSecret?: string | FileContent | undefined;
    } | undefined;
    /** URL of the provider's account page, which the app links to. Keycloak: OIDC_ISSUER plus `/account/?referrer=` and OIDC_CLIENT_ID */
    readonly accountUrl?: string | FileContent | undefined;
  } | undefined;
  /** `on`: the app may start one login without a page of the provider (`prompt=none`) when a tab opens without a session. Default: off */
  readonly silentLogin?: "off" | "on" | boolean | FileContent | undefined;
  /** Path of the page after a logout. The provider redirects to `/bff/logout/return`, which redirects there: register PUBLIC_ORIGIN plus `/bff/logout/return` as post-logout redirect URI. Default: / */
  readonly postLogoutPath?: string | FileContent | undefined;
  readonly session?: {
    /** Idle limit: a session ends after this many seconds without a request. Default: 1800 */
    readonly idleSeconds?: number | string | FileContent | undefined;
    /** Absolute limit: a session ends this many seconds after login. Default: 28800 */
    readonly maxSeconds?: number | string | FileContent | undefined;
    /** At most this many concurrent sessions per user: a further login ends the oldest; 0: no limit. Default: 0 */
    readonly perUser?: number | string | FileContent | undefined;
    /** Lifetime of session cache entries in seconds; the cache is used while Redis sends invalidations. 0: every request reads Redis. Must be equal on all instances. Default: 30 */
    readonly cacheSeconds?: number | string | FileContent | undefined;
  } | undefined;
  /** APIs, comma-separated `prefix=base URL`, e.g. `/api=http://localhost:8000` */
  readonly upstreams?: readonly UpstreamRow[] | string | FileContent | undefined;
  /** JSON file with a list of upstreams, for options beyond prefix and base URL */
  readonly upstreamsFile?: string | FileContent | undefined;
  readonly pages?: {
    /** Folder of the built SPA; unset: no files are served */
    readonly root?: string | FileContent | undefined;
    /** URL of the page of an SPA whose build is on a CDN, instead of SPA_ROOT. The gateway fetches it, revalidates it every 30 seconds and serves the last version while the CDN does not respond. Its scripts and other files load from the CDN */
    readonly url?: string | FileContent | undefined;
  } | undefined;
  readonly contentSecurityPolicy?: {
    /** Sources added to the Content-Security-Policy of the app's pages, by directive: `style-src 'unsafe-inline'; connect-src https://*.ingest.sentry.io`. Each source weakens the policy by exactly what it names */
    readonly additions?: CspDirectives | string | FileContent | undefined;
    /** Dangerous sources that CSP_ADDITIONS may contain, separated by blanks: `unsafe-eval`, `unsafe-inline-scripts`, `unsafe-hashes`, `fixed-nonce-scripts`, `strict-dynamic`, `wildcard-scripts`, `data-scripts`, `shared-script-hosts`, `wildcard-frame-ancestors`, `wildcard-form-action`, `wildcard-base-uri`, `wildcard-connections`, `plain-http`. Each makes an injection into the page worse; the error message says how */
    readonly allow?: readonly (string | FileContent)[] | string | FileContent | undefined;
    /** `on`: browsers report violations of the policy and block nothing, except framing. For the migration of an app only: injected scripts run. Default: off */
    readonly reportOnly?: "off" | "on" | boolean | FileContent | undefined;
    /** Where browsers report violations. `on`: to `/bff/csp-reports`, which logs each kind of violation once; `auto`: as `on` in development (PUBLIC_ORIGIN is loopback, NODE_ENV is not `production`) and with CSP_REPORT_ONLY, otherwise `off`; an https URL: to that collector, which learns the URLs of the pages. Default: auto */
    readonly reports?: string | boolean | FileContent | undefined;
    /** `required`: no text becomes markup or code (`innerHTML`, `eval`, URLs of workers and service workers) in Chromium; names, separated by blanks: the app may create Trusted Types policies of these names; `off`: no restriction; the app itself must prevent injection through `innerHTML`. Default: required */
    readonly trustedTypes?: readonly (string | FileContent)[] | string | FileContent | undefined;
  } | undefined;
  readonly headers?: {
    /** `same-origin-allow-popups`: the app keeps a reference to pop-ups of other sites, for payment or sign-in windows; `unsafe-none`: sites that open the app also keep a reference to it. Default: same-origin */
    readonly crossOriginOpenerPolicy?: "same-origin" | "same-origin-allow-popups" | "noopener-allow-popups" | "unsafe-none" | FileContent | undefined;
    /** `require-corp` or `credentialless` with CROSS_ORIGIN_OPENER_POLICY=same-origin isolates the pages, which `SharedArrayBuffer` and WebAssembly threads need. Resources of other origins must then opt in (CORP or CORS). Default: unsafe-none */
    readonly crossOriginEmbedderPolicy?: "unsafe-none" | "credentialless" | "require-corp" | FileContent | undefined;
    /** Which sites may embed the app's files, e.g. its logo: `same-site` sibling hosts, `cross-origin` all. API responses stay `same-origin`. Default: same-origin */
    readonly crossOriginResourcePolicy?: "same-origin" | "same-site" | "cross-origin" | FileContent | undefined;
    /** Browser features by name: `camera=(self), geolocation=(self "https://maps.example.com")`. Replaces the default of each named feature; by default camera, geolocation, microphone, payment and usb are `()`, which is off */
    readonly permissionsPolicy?: Permissions | string | FileContent | undefined;
    /** What other sites learn of the page that links to them: nothing (`same-origin`), its origin (`strict-origin`, `strict-origin-when-cross-origin`, `origin`, `origin-when-cross-origin`), or its whole URL (`no-referrer-when-downgrade`). Default: same-origin */
    readonly referrerPolicy?: "same-origin" | "strict-origin" | "strict-origin-when-cross-origin" | "origin" | "origin-when-cross-origin" | "no-referrer-when-downgrade" | FileContent | undefined;
    /** HSTS of all responses: browsers use https for this host for `max-age` seconds, with `includeSubDomains` also for its sub-domains. `off`: the first request of a visit may go over http, where it can be intercepted. Never sent for http and loopback origins. Default: max-age=63072000; includeSubDomains */
    readonly strictTransportSecurity?: TransportSecurity | string | FileContent | undefined;
  } | undefined;
  /** Folder with custom templates of the gateway's pages (`error.html`, `continue.html`, `confirm.html`) and texts in further languages (`fr.json`). Unset: the built-in pages, in English and German */
  readonly errorPages?: string | FileContent | undefined;
}

/** sources by directive */
export type CspDirectives = { readonly [K in "default-src" | "script-src" | "script-src-elem" | "script-src-attr" | "style-src" | "style-src-elem" | "style-src-attr" | "img-src" | "font-src" | "connect-src" | "media-src" | "object-src" | "child-src" | "frame-src" | "fenced-frame-src" | "worker-src" | "manifest-src" | "base-uri" | "form-action" | "frame-ancestors"]?: string | readonly string[] | undefined } & { readonly [K in "upgrade-insecure-requests"]?: boolean | undefined };

/** origins by feature; an empty list turns the feature off */
export type Permissions = { readonly [K in "accelerometer" | "all-screens-capture" | "ambient-light-sensor" | "aria-notify" | "attribution-reporting" | "autoplay" | "bluetooth" | "browsing-topics" | "camera" | "captured-surface-control" | "clipboard-read" | "clipboard-write" | "compute-pressure" | "controlled-frame" | "cross-origin-isolated" | "deferred-fetch" | "deferred-fetch-minimal" | "device-attributes" | "digital-credentials-get" | "digital-credentials-create" | "direct-sockets" | "display-capture" | "encrypted-media" | "execution-while-not-rendered" | "execution-while-out-of-viewport" | "fullscreen" | "gamepad" | "geolocation" | "gyroscope" | "hid" | "identity-credentials-get" | "idle-detection" | "interest-cohort" | "join-ad-interest-group" | "keyboard-map" | "language-detector" | "language-model" | "local-fonts" | "local-network-access" | "local-network" | "loopback-network" | "magnetometer" | "mediasession" | "microphone" | "midi" | "monetization" | "nfc" | "on-device-speech-recognition" | "otp-credentials" | "payment" | "picture-in-picture" | "private-state-token-issuance" | "private-state-token-redemption" | "publickey-credentials-create" | "publickey-credentials-get" | "rewriter" | "run-ad-auction" | "screen-wake-lock" | "serial" | "shared-storage" | "shared-storage-select-url" | "smart-card" | "speaker-selection" | "storage-access" | "summarizer" | "sync-script" | "sync-xhr" | "translator" | "trust-token-redemption" | "unload" | "usb" | "vertical-scroll" | "web-app-installation" | "web-share" | "window-management" | "writer" | "xr-spatial-tracking"]?: string | readonly string[] | undefined };

export interface TransportSecurity {
  readonly maxAgeSeconds: number;
  readonly includeSubDomains?: boolean | undefined;
  readonly preload?: boolean | undefined;
}
