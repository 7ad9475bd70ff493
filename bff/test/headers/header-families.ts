// Request headers that software behind a gateway trusts, grouped by meaning. Collected from the manuals of proxies, gateways,
// clouds and frameworks. Duplicates the tables on purpose: a deleted rule must fail a test.

const words = (text: string) => text.trim().split(/\s+/);

export const NEVER_FORWARDED: Readonly<Record<string, readonly string[]>> = {
  "hop-by-hop and framing": words("Keep-Alive Proxy-Connection TE Trailer HTTP2-Settings"),
  "a proxy for the upstream's own requests (httpoxy)": words(
    "Proxy Proxy-Authorization Proxy-Authenticate Proxy-Features",
  ),
  credentials: words(`
    Cookie Cookie2 Authorization X-Authorization X-Original-Authorization X-Forwarded-Authorization
    X-Auth-Token X-Access-Token X-Id-Token X-Refresh-Token Access-Token Id-Token X-Forwarded-Access-Token
    X-Forwarded-Id-Token X-Auth-Request-Access-Token X-OIDC-Access-Token X-OAuth-Token DPoP X-Vault-Token
    X-Vault-Namespace X-Bearer X-Bearer-Token X-Consul-Token X-JWT-Payload JWT X-Jwt-Assertion ES-Secondary-Authorization
  `),
  "the page and the browser": words("Origin Referer Referrer Sec-Fetch-User Sec-CH-UA-Full Sec-GPC"),
  "the client's address": words(`
    Forwarded X-Forwarded X-Forwarded-For Forwarded-For Forward-For X-Forward-For XForwardedFor X-Original-Forwarded-For
    X-Envoy-External-Address X-Real-IP X-RealIP X-Client-IP X-ClientIP Client-IP X-Cluster-Client-IP True-Client-IP
    X-True-IP CF-Connecting-IP CF-Connecting-IPv6 CF-Pseudo-IPv4 CF-IPCountry CF-PageLanguages CF-RAY Fastly-Client-IP
    Fly-Client-IP X-Azure-ClientIP X-Azure-SocketIP X-AppEngine-User-IP X-NF-Client-Connection-IP X-Vercel-Forwarded-For
    X-Vercel-IP-Country X-Originating-IP X-Remote-IP X-Remote-Addr Remote-Addr X-Remote-Address X-Source-IP
    X-SourceIP X-Src-IP X-SrcIP X-User-IP X-UserIP X-RemoteIP X-ProxyUser-IP WL-Proxy-Client-IP X-MS-Forwarded-Client-IP
    CloudFront-Viewer-Address CloudFront-Viewer-Country Akamai-Client-IP Incap-Client-IP X-Sucuri-ClientIP
    Ali-CDN-Real-IP CDN-Src-IP X-GeoIP-Country X-IPCountry X-Client-Addr X-Host-Address Z-Forwarded-For X-BlueCoat-Via
    IV-Remote-Address X-Akamai-Edgescape X-SocketIP X-Cdn-Forwarded-For X-Peer X-Peer-Addr XFF X-XFF X-Fwd-For Fwd XRealIP
    XClientIP X-Proxied-For X-Forwarder-For X-Custom-IP-Authorization X-Originally-Forwarded-For
  `),
  "how the browser came": words(`
    X-Forwarded-Proto X-Forwarded-Protocol X-Forwarded-Scheme X-Forwarded-Ssl X-Forwarded-Https X-Forwarded-Port
    X-Url-Scheme X-Scheme Front-End-Https X-Https X-Proto X-Protocol X-Real-Scheme X-Real-Proto CloudFront-Forwarded-Proto
    X-ARR-SSL X-ARR-LOG-ID Fastly-SSL WL-Proxy-SSL X-AppService-Proto Early-Data Via CDN-Loop Max-Forwards
  `),
  "another host or server": words(`
    X-Forwarded-Host X-Forwarded-Server X-Host X-Original-Host X-HTTP-Host-Override X-Real-Host X-Backend-Host X-Backend
    X-Backend-Server X-Upstream X-Upstream-Host Disguised-Host WAS-Default-Hostname X-WAWS-Unencoded-URL X-Hostname
    X-Forward-Host Dapr-App-Id L5d-Dst-Override X-Envoy-Upstream-Alt-Stat-Name X-Istio-Attributes X-FD-HealthProbe
    X-NF-Account-Id X-Now-Deployment-Url X-Tyk-Authorization X-Kong-Upstream-Latency XRealHost X-Vhost X-Orig-Host
    X-Port X-Server-Port Client-Port
  `),
  "another URL": words(`
    X-Original-URL X-Original-URI X-Original-Path X-Rewrite-URL X-Rewrite-URI X-Forwarded-Uri X-Forwarded-Path
    X-Forwarded-Prefix X-Envoy-Original-Path X-Url X-Uri X-Http-Url X-Request-Url X-Request-Uri Request-Uri X-Script-Name
    Script-Name Path-Info X-Path-Info X-Base-Path X-Base-Url X-Context-Path X-Override-Url X-Proxy-Url X-Real-Url
    X-MS-Endpoint-Absolute-Path Destination X-Matched-Path X-Now-Route-Matches X-Invoke-Path X-Invoke-Query
    X-Invoke-Status X-HTTP-Path-Override Translate Url Uri Base-Url Http-Url Redirect X-HTTP-DestinationURL X-Destination
    X-Orig-Url X-Orig-Path X-Requested-Url X-Target-Uri X-Request-Path X-Service-Url Redirect-Url
  `),
  "another method": words(
    "X-HTTP-Method-Override X-HTTP-Method X-Method-Override X-Method X-Forwarded-Method X-Original-Method X-Request-Method X-HTTP-Verb X-Verb",
  ),
  "frameworks and their middleware": words(`
    X-Middleware-Subrequest X-Middleware-Prefetch X-Middleware-Rewrite X-Middleware-Next X-Prerender-Revalidate
    X-Astro-Locals X-Astro-Path X-React-Router-SPA-Mode X-React-Router-Prerender-Data X-Sendfile-Type X-Accel-Mapping
    X-Accel-Internal X-Lighttpd-Sendfile Surrogate-Capability
  `),
  "the user": words(`
    Remote-User Remote-Groups Remote-Name Remote-Email X-Remote-User X-Remote-Group X-Remote-Extra-Scopes X-Remote-Name
    X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups X-Forwarded-Preferred-Username X-Auth-Request-User
    X-Auth-Request-Email X-Auth-Request-Groups X-Auth-Request-Preferred-Username X-Auth-User X-Auth-Username X-Auth-Roles
    X-Authenticated-User X-Authenticated-Userid X-Authenticated-Groups X-Authenticated-Scope X-User X-User-Id X-User-Name
    X-User-Email X-User-Roles X-Username X-UserId X-Userinfo X-Authentik-Username X-Authentik-Groups X-Authelia-User
    X-WEBAUTH-USER X-WEBAUTH-ROLE X-WebUser X-Vouch-User X-Vouch-IdP-Claims-Groups X-Pomerium-Jwt-Assertion
    X-Pomerium-Claim-Email Cf-Access-Jwt-Assertion Cf-Access-Authenticated-User-Email Cf-Access-Client-Id
    Tailscale-User-Login Tailscale-User-Name X-Tailscale-User Teleport-Jwt-Assertion X-Teleport-Login X-Goog-IAP-JWT-Assertion
    X-Goog-Authenticated-User-Email X-Goog-Authenticated-User-Id X-AppEngine-User-Email X-AppEngine-Cron X-CloudScheduler
    X-CloudTasks-QueueName X-Apigateway-Api-Userinfo X-Endpoint-API-UserInfo X-Amzn-Oidc-Data X-Amzn-Oidc-Identity
    X-Amzn-Oidc-Accesstoken X-Amzn-Request-Context X-Amzn-Lambda-Context X-MS-Client-Principal X-MS-Client-Principal-Id
    X-MS-Client-Principal-Name X-MS-Client-Principal-Idp X-MS-Token-AAD-Access-Token X-MS-Token-AAD-Id-Token
    X-MS-ADFS-Proxy-Client-IP X-Consumer-Id X-Consumer-Username X-Consumer-Custom-Id X-Consumer-Groups
    X-Credential-Identifier X-Credential-Username X-Anonymous-Consumer X-Apigw-Api-Id X-Gateway-User Gateway-User-Id
    Impersonate-User Impersonate-Group Impersonate-Uid Impersonate-Extra-Scopes X-Impersonate-User X-Impersonated-By Sudo
    X-Sudo X-Runas X-On-Behalf-Of X-Principal X-Principal-Id X-Identity X-Identity-Id X-Subject X-Sub X-Uid X-UPN X-Email
    X-Mail X-Nickname X-Login X-Account-Id X-SSO-User X-SAML-NameId X-OIDC-Claim-Sub OIDC-Claim-Email X-OAuth-User
    X-NTLM-User X-Kerberos-Principal SM-User SM-UniversalId SMUser IV-User IV-Groups IV-Creds OAM-Remote-User OSSO-User-DN
    CAS-User Shib-Identity-Provider Shib-Session-ID EPPN Persistent-Id Targeted-Id Affiliation MemberOf WL-Proxy-Remote-User
    X-Scope-OrgID From X-UIDH X-MSISDN MSISDN X-IMSI X-Up-Subno X-Up-Calling-Line-Id X-Grafana-User X-Assertion
    X-Webauth-Name eduPersonPrincipalName eduPersonTargetedID Unscoped-Affiliation Pairwise-Id Mellon-NameId X-Actor
    X-Employee-Id X-Delegated-By
  `),
  rights: words(`
    X-Role X-Roles X-User-Role X-Hasura-Role X-Hasura-Admin-Secret X-Group X-Groups X-Scope X-Scopes X-Claim X-Claims
    X-Permissions X-Permission X-Privileges X-Entitlements X-Admin X-Is-Admin X-Superuser X-Rights X-Is-Staff
    X-Bypass
  `),
  "the client's certificate": words(`
    Client-Cert Client-Cert-Chain X-Client-Cert X-Client-Certificate X-Client-DN X-Client-Verify X-Client-Verified
    SSL-Client-Cert SSL-Client-Verify SSL-Client-S-DN X-SSL-Client-Cert X-SSL-Client-S-DN X-SSL-Cert X-SSL X-TLS-Client-DN
    TLS-Client-Cert X-MTLS-Subject X-Amzn-Mtls-Clientcert X-ARR-ClientCert X-Forwarded-Client-Cert XFCC X-XFCC-Hash
    X-Forwarded-Tls-Client-Cert X-SPIFFE-ID X-Certificate L5d-Client-Id X-Verified-Subject
  `),
  "proof of a proxy": words(`
    X-CDN-Secret X-Origin-Secret X-Internal-Request X-Internal X-Trusted-Proxy X-Shared-Secret X-Gateway-Token
    X-RapidAPI-Proxy-Secret X-Azure-FDID X-Akamai-Origin-Hop X-Envoy-Internal X-Proxy-User X-Request-Id
  `),
};

/** Headers of ordinary applications. */
export const FORWARDED: readonly string[] = words(`
  Accept Accept-Language Content-Language If-Match If-None-Match If-Modified-Since If-Unmodified-Since If-Range Range
  Cache-Control Pragma Prefer Priority Idempotency-Key Last-Event-ID X-Requested-With X-Custom X-Name X-Tenant X-Tenant-Id
  X-Client-Version X-Client-Info X-Api-Key X-Api-Version X-CSRF-Token X-XSRF-TOKEN X-Correlation-Id X-Session-Id
  X-Trace-Id traceparent tracestate baggage sentry-trace b3 X-B3-TraceId X-B3-Sampled uber-trace-id X-Amzn-Trace-Id
  X-Cloud-Trace-Context X-Datadog-Trace-Id Apollographql-Client-Name X-Apollo-Operation-Name GraphQL-Preflight
  HX-Request HX-Target HX-Current-URL Turbo-Frame X-Inertia X-Inertia-Version X-PJAX X-Livewire X-Up-Version X-Grpc-Web
  X-User-Agent Tus-Resumable Upload-Length Upload-Offset Upload-Metadata X-Upload-Content-Type SOAPAction Content-Digest
  Digest DNT Save-Data Upgrade-Insecure-Requests Signature Signature-Input X-Author X-Time-Zone X-Locale X-Device-Id
  Next-Router-State-Tree RSC X-Nextjs-Data X-Goal X-Preferred-Language X-Gzip X-Hosting X-Rolex Next-Url Mcp-Session-Id
  Mcp-Protocol-Version Connect-Protocol-Version Connect-Timeout-Ms X-SignalR-User-Agent X-Viewport X-Curl X-Report
`);

/** Spellings of a name that CGI, WSGI, Rack and PHP read alike. */
export function spellingsOf(name: string): string[] {
  const first = name.replace("-", "_");
  const last = name.replace(/-(?=[^-]*$)/, ".");
  return [
    ...new Set([
      name,
      name.toLowerCase(),
      name.toUpperCase(),
      name.replaceAll("-", "_"),
      name.replaceAll("-", "."),
      first,
      last,
    ]),
  ];
}
