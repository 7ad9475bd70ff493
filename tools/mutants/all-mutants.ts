// All mutants.
import { ADMIN_MUTANTS } from "./admin-mutants.ts";
import { AUTH_MUTANTS } from "./auth-mutants.ts";
import { AUTHORIZATION_MUTANTS } from "./authorization-mutants.ts";
import { BEARER_MUTANTS } from "./bearer-mutants.ts";
import { CACHE_MUTANTS } from "./cache-mutants.ts";
import { CHART_MUTANTS } from "./chart-mutants.ts";
import { CLAIM_MUTANTS } from "./claim-mutants.ts";
import { CLIENT_AUTH_MUTANTS } from "./client-auth-mutants.ts";
import { CLIENT_MUTANTS } from "./client-mutants.ts";
import { CLOCK_MUTANTS } from "./clock-mutants.ts";
import { CONFIG_MUTANTS } from "./config-mutants.ts";
import { COOKIE_MUTANTS } from "./cookie-mutants.ts";
import { DPOP_MUTANTS } from "./dpop-mutants.ts";
import { INTROSPECTION_MUTANTS } from "./introspection-mutants.ts";
import { ISOLATION_MUTANTS } from "./isolation-mutants.ts";
import { FORWARD_AUTH_MUTANTS } from "./forward-auth-mutants.ts";
import { IDENTITY_MUTANTS } from "./identity-mutants.ts";
import { HEADER_MUTANTS } from "./header-mutants.ts";
import { LIBRARY_MUTANTS } from "./library-mutants.ts";
import { LIVE_MUTANTS } from "./live-mutants.ts";
import { LOGIN_START_MUTANTS } from "./login-start-mutants.ts";
import { LOGOUT_MUTANTS } from "./logout-mutants.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";
import { PACKAGE_MUTANTS } from "./package-mutants.ts";
import { PAGE_MUTANTS } from "./page-mutants.ts";
import { PATH_MUTANTS } from "./path-mutants.ts";
import { PROVIDER_MUTANTS } from "./provider-mutants.ts";
import { PROXY_MUTANTS } from "./proxy-mutants.ts";
import { REACT_MUTANTS } from "./react-mutants.ts";
import { READINESS_MUTANTS } from "./readiness-mutants.ts";
import { RELOAD_MUTANTS } from "./reload-mutants.ts";
import { REFRESH_MUTANTS } from "./refresh-mutants.ts";
import { POLICY_MUTANTS } from "./policy-mutants.ts";
import { REJECTED_TOKEN_MUTANTS } from "./rejected-token-mutants.ts";
import { SESSION_MUTANTS } from "./session-mutants.ts";
import { SHEDDING_MUTANTS } from "./shedding-mutants.ts";
import { STORE_MUTANTS } from "./store-mutants.ts";
import { TESTING_MUTANTS } from "./testing-mutants.ts";
import { WEBSOCKET_MUTANTS } from "./websocket-mutants.ts";

export const ALL_MUTANTS: readonly Mutant[] = [
  ...MUTANTS,
  ...AUTH_MUTANTS,
  ...AUTHORIZATION_MUTANTS,
  ...LOGIN_START_MUTANTS,
  ...PROVIDER_MUTANTS,
  ...BEARER_MUTANTS,
  ...INTROSPECTION_MUTANTS,
  ...CLAIM_MUTANTS,
  ...CLIENT_AUTH_MUTANTS,
  ...CLIENT_MUTANTS,
  ...PROXY_MUTANTS,
  ...DPOP_MUTANTS,
  ...FORWARD_AUTH_MUTANTS,
  ...HEADER_MUTANTS,
  ...IDENTITY_MUTANTS,
  ...REFRESH_MUTANTS,
  ...RELOAD_MUTANTS,
  ...REJECTED_TOKEN_MUTANTS,
  ...SESSION_MUTANTS,
  ...SHEDDING_MUTANTS,
  ...STORE_MUTANTS,
  ...LIBRARY_MUTANTS,
  ...LIVE_MUTANTS,
  ...LOGOUT_MUTANTS,
  ...WEBSOCKET_MUTANTS,
  ...CACHE_MUTANTS,
  ...CLOCK_MUTANTS,
  ...COOKIE_MUTANTS,
  ...PATH_MUTANTS,
  ...PAGE_MUTANTS,
  ...PACKAGE_MUTANTS,
  ...ISOLATION_MUTANTS,
  ...CONFIG_MUTANTS,
  ...POLICY_MUTANTS,
  ...REACT_MUTANTS,
  ...READINESS_MUTANTS,
  ...ADMIN_MUTANTS,
  ...TESTING_MUTANTS,
  ...CHART_MUTANTS,
];
