// Schemas of the settings of the pages' policies beside CSP_ADDITIONS: HSTS (RFC 6797), Permissions-Policy, Trusted Types.
import { z } from "zod";
import { nearestName } from "./nearest-name.ts";
import { shown } from "./setting-text.ts";
import { fileForms } from "./setting-shapes.ts";

/** One year: the minimum of the preload lists of browsers. */
const PRELOAD_SECONDS = 31_536_000;
const MAX_SECONDS = 9_999_999_999;

/** @returns the header's value in one spelling, undefined for `off` */
const strictTransportSecurityText = z.string().transform((value, ctx): string | undefined => {
  if (value === "off") return undefined;
  const parts = value.split(";").map((part) => part.trim());
  const names = parts.map((part) => part.toLowerCase().split("=")[0]?.trim() ?? "");
  const seconds = Number(/^max-age\s*=\s*"?(\d{1,10})"?$/i.exec(parts[names.indexOf("max-age")] ?? "")?.[1] ?? NaN);
  const hasSubDomains = parts.some((part) => part.toLowerCase() === "includesubdomains");
  const isPreload = parts.some((part) => part.toLowerCase() === "preload");
  const count = 1 + Number(hasSubDomains) + Number(isPreload);
  if (!(seconds <= MAX_SECONDS) || parts.length !== count)
    ctx.addIssue(
      "must be off, or max-age=SECONDS, optionally followed by ; includeSubDomains and ; preload, each once",
    );
  else if (isPreload && (!hasSubDomains || seconds < PRELOAD_SECONDS))
    ctx.addIssue(`may have preload only with includeSubDomains and a max-age of at least ${PRELOAD_SECONDS}`);
  return `max-age=${seconds}${hasSubDomains ? "; includeSubDomains" : ""}${isPreload ? "; preload" : ""}`;
});
export const strictTransportSecurity = strictTransportSecurityText.register(fileForms, { kind: "transport-security" });

/** Features of the Permissions-Policy registry. Others are rejected as typos: a misspelt feature would stay open. */
export const FEATURES: readonly string[] = [
  ...[
    "accelerometer",
    "all-screens-capture",
    "ambient-light-sensor",
    "aria-notify",
    "attribution-reporting",
    "autoplay",
  ],
  ...["bluetooth", "browsing-topics", "camera", "captured-surface-control", "clipboard-read", "clipboard-write"],
  ...["compute-pressure", "controlled-frame", "cross-origin-isolated", "deferred-fetch", "deferred-fetch-minimal"],
  ...[
    "device-attributes",
    "digital-credentials-get",
    "digital-credentials-create",
    "direct-sockets",
    "display-capture",
  ],
  ...["encrypted-media", "execution-while-not-rendered", "execution-while-out-of-viewport", "fullscreen", "gamepad"],
  ...["geolocation", "gyroscope", "hid", "identity-credentials-get", "idle-detection", "interest-cohort"],
  ...["join-ad-interest-group", "keyboard-map", "language-detector", "language-model", "local-fonts"],
  ...[
    "local-network-access",
    "local-network",
    "loopback-network",
    "magnetometer",
    "mediasession",
    "microphone",
    "midi",
  ],
  ...["monetization", "nfc", "on-device-speech-recognition", "otp-credentials", "payment", "picture-in-picture"],
  ...["private-state-token-issuance", "private-state-token-redemption", "publickey-credentials-create"],
  ...["publickey-credentials-get", "rewriter", "run-ad-auction", "screen-wake-lock", "serial", "shared-storage"],
  ...["shared-storage-select-url", "smart-card", "speaker-selection", "storage-access", "summarizer", "sync-script"],
  ...["sync-xhr", "translator", "trust-token-redemption", "unload", "usb", "vertical-scroll", "web-app-installation"],
  ...["web-share", "window-management", "writer", "xr-spatial-tracking"],
];

export type Permissions = Readonly<Record<string, string>>;

const MEMBER = /^([a-z][a-z0-9-]*)\s*=\s*(\*|self|\(([^()]*)\))$/;
/** The serialized origins of the header, with a wildcard for sub-domains. */
const ALLOWED =
  /^(\*|self|src|"(https|wss):\/\/(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?"|"http:\/\/(localhost|127\.0\.0\.1)(:\d{1,5})?")$/;

/** `camera=(self), fullscreen=*`: a dictionary of structured fields (RFC 9651), of which browsers read this part. */
const permissionsPolicyText = z.string().transform((value, ctx): Permissions => {
  const permissions: Record<string, string> = {};
  for (const part of value.split(",").map((each) => each.trim())) {
    const [, feature = "", list = "", members] = MEMBER.exec(part) ?? [];
    const words = members?.split(/ +/).filter((word) => word !== "") ?? [];
    const wrong = words.find((word) => !ALLOWED.test(word));
    if (feature === "")
      ctx.addIssue(
        `has the entry "${shown(part)}": write feature=(), feature=(self) or feature=(self "https://example.com")`,
      );
    else if (!FEATURES.includes(feature))
      ctx.addIssue(`names the unknown feature ${shown(feature)}. Did you mean ${nearestName(feature, FEATURES).name}?`);
    else if (wrong !== undefined)
      ctx.addIssue(`allows ${feature} for ${shown(wrong)}: write self, or an https origin in double quotes`);
    else if (Object.hasOwn(permissions, feature))
      ctx.addIssue(`names ${feature} twice. Browsers would use the last one`);
    else permissions[feature] = members === undefined ? list : `(${words.join(" ")})`;
  }
  return permissions;
});
export const permissionsPolicy = permissionsPolicyText.register(fileForms, { kind: "permissions" });

/** Undefined: Trusted Types are off. Otherwise the names of the policies that the app may create. */
export type TrustedTypes = readonly string[] | undefined;

/** Trusted Types §4.1.1 (tt-policy-name). */
const POLICY_NAME = /^([A-Za-z0-9\-#=_/@.%]+|\*)$/;

const trustedTypesText = z.string().transform((value, ctx): TrustedTypes => {
  if (value === "off") return undefined;
  if (value === "required") return [];
  const names = value.split(/[\s,]+/).filter((name) => name !== "");
  for (const name of names) {
    if (name === "'allow-duplicates'") continue;
    if (name === "off" || name === "required") ctx.addIssue(`must be ${name} alone, or names of policies`);
    else if (!POLICY_NAME.test(name))
      ctx.addIssue(`has the name "${shown(name)}": policy names have letters, digits and -#=_/@.% only`);
  }
  return names;
});
export const trustedTypes = trustedTypesText.register(fileForms, { kind: "list", separator: " " });
