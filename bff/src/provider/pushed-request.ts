// Pushed authorization requests (RFC 9126): when they are used, and the fallback to a plain authorization request.
import * as oidc from "openid-client";
import type { ClientAuthMethod } from "../config/client-auth-settings.ts";
import type { ProviderConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import type { Log } from "../logging/log.ts";
import type { ConfigurationErrors } from "./configuration-errors.ts";
import { throwPushError } from "./login-errors.ts";
import { misconfigured } from "./misconfigured.ts";
import { settingError, statusOf, wordOf } from "./provider-errors.ts";

/** After a rejection, plain requests are sent for this long before the next push. */
export const FALLBACK_MS = 300_000;

/** The URL is sent in a `Location` header; nginx accepts a response head of 4 kB by default. */
const MAX_PUSHED_URL_CHARS = 3_000;

export type Parameters = Readonly<Record<string, string>>;

export type PushedRequests = {
  /**
   * @param hasLinkParameters the request carries parameters of a link to /bff/login, which may be what is rejected
   * @returns the authorization URL with the `request_uri`; undefined if a plain request is to be sent
   * @throws GatewayError login_failed | step_up_failed | provider_unavailable
   */
  push(
    configuration: oidc.Configuration,
    parameters: Parameters,
    hasLinkParameters?: boolean,
  ): Promise<URL | undefined>;
  /** @returns one sentence with the cure while rejected pushes may prevent every login */
  alarm(): string | undefined;
};

type Dependencies = {
  config: Pick<ProviderConfig, "par"> & Partial<Pick<ProviderConfig, "clientAuth">>;
  log: Pick<Log, "warn">;
  faults?: Pick<ConfigurationErrors, "failed" | "succeeded"> | undefined;
  nowMs?: () => number;
};

export function createPushedRequests({
  config,
  log,
  faults,
  nowMs = () => performance.now(),
}: Dependencies): PushedRequests {
  let rejection: { untilMs: number; reason: string; mayConcernLogins: boolean } | undefined;
  /**
   * One line per series of rejections. A rejection of a request with parameters of a link concerns this request only: a firewall
   * in front of the provider may reject one parameter with 403.
   */
  const reject = (error: unknown, hasLinkParameters: boolean): undefined => {
    const reason = rejectionOf(error);
    if (rejection === undefined)
      log.warn(
        "pushed authorization request rejected, plain requests are sent: allow pushed requests for OIDC_CLIENT_ID at the provider, or set OIDC_PAR=off",
        { reason },
      );
    const untilMs = hasLinkParameters ? (rejection?.untilMs ?? 0) : nowMs() + FALLBACK_MS;
    rejection = { untilMs, reason, mayConcernLogins: codeOf(error) === "unauthorized_client" };
    return undefined;
  };
  return {
    async push(configuration, parameters, hasLinkParameters = false) {
      const metadata = configuration.serverMetadata();
      const isRequired = config.par === "required" || metadata.require_pushed_authorization_requests === true;
      if (!usesPush(config.par, metadata)) return undefined;
      if (!isRequired && rejection !== undefined && nowMs() < rejection.untilMs) return undefined;
      try {
        const url = await oidc.buildAuthorizationUrlWithPAR(configuration, parameters);
        rejection = undefined;
        faults?.succeeded("pushed");
        return boundedUrl(url);
      } catch (error) {
        if (error instanceof GatewayError) throw error;
        if (isPushRejected(error) && !isRequired) return reject(error, hasLinkParameters);
        faults?.failed("pushed", error);
        if (!isPushRejected(error)) throwPushError(error, config.clientAuth?.method);
        throw misconfigured(requiredText(error, config.clientAuth?.method), error);
      }
    },
    alarm: () => (rejection?.mayConcernLogins === true ? unauthorizedText(rejection.reason) : undefined),
  };
}

/** @throws GatewayError login_failed if OIDC_PAR contradicts the provider's metadata */
function usesPush(par: ProviderConfig["par"], metadata: oidc.ServerMetadata): boolean {
  const isOffered = metadata.pushed_authorization_request_endpoint !== undefined;
  if (par === "off" && metadata.require_pushed_authorization_requests === true)
    throw misconfigured(
      "OIDC_PAR is off, but the provider requires pushed authorization requests (RFC 9126). Set it to auto",
    );
  if (par === "required" && !isOffered)
    throw misconfigured(
      "OIDC_PAR is required, but the provider has no pushed_authorization_request_endpoint. Switch pushed authorization requests on there, or set it to auto",
    );
  return par !== "off" && isOffered;
}

/** The endpoint does not exist or is closed to this client, whatever the body says. */
const CLOSED_STATUSES: ReadonlySet<unknown> = new Set([403, 404, 405, 410, 501]);
/** RFC 9126 §2.3 defines no code for a client that may not push. */
const ABOUT_PUSH = /\b(push(ed)?|PAR)\b/i;

/**
 * Whether the provider rejects the push itself, so that a plain request can succeed. Errors about a setting, about the
 * parameters, rate limits (429) and outages are none: a link to /bff/login must not switch pushed requests off.
 */
export function isPushRejected(error: unknown): boolean {
  const code = codeOf(error);
  if (code === "unauthorized_client" || code === "request_uri_not_supported") return true;
  if (settingError(error, "pushed") !== undefined) return false;
  if (CLOSED_STATUSES.has(statusOf(error))) return true;
  return (
    error instanceof oidc.ResponseBodyError &&
    code === "invalid_request" &&
    ABOUT_PUSH.test(error.error_description ?? "")
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof oidc.ResponseBodyError ? error.error : undefined;
}

function rejectionOf(error: unknown): string {
  const code = codeOf(error);
  return code === undefined ? `status ${String(statusOf(error))}` : wordOf(code);
}

function unauthorizedText(reason: string): string {
  return `the provider rejects pushed authorization requests of OIDC_CLIENT_ID (${reason}). Allow the authorization code flow there (Keycloak: Standard flow); if only pushed requests are not allowed, set OIDC_PAR=off`;
}

function requiredText(error: unknown, method?: ClientAuthMethod): string {
  return (
    settingError(error, "pushed", method) ??
    `pushed authorization requests are required, but the provider rejects them (${rejectionOf(error)}). Allow them for the client of OIDC_CLIENT_ID there`
  );
}

/** @throws GatewayError provider_unavailable */
function boundedUrl(url: URL): URL {
  if (url.href.length <= MAX_PUSHED_URL_CHARS) return url;
  throw new GatewayError("provider_unavailable", {
    reason: `the provider's pushed authorization response has a request_uri of ${url.href.length} characters`,
  });
}
