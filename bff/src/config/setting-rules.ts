// Rules that involve several settings, and environment variables that would weaken the gateway.
import { isLoopbackUrl } from "../lib/host.ts";
import { isSet, type Environment, type Values } from "./read-settings.ts";

/** Environment variables of Node and libraries that would disable certificate checks or print secrets. */
export function environmentErrors(env: Environment): string[] {
  const faults: string[] = [];
  if (env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0")
    faults.push("NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate checks off. Unset it; use NODE_EXTRA_CA_CERTS.");
  if (env["NODE_DEBUG"] !== undefined && env["NODE_DEBUG"] !== "")
    faults.push("NODE_DEBUG prints cookies, sessions and bearer tokens. Unset it; use LOG_LEVEL=debug.");
  if (/ioredis|\*/.test(env["DEBUG"] ?? ""))
    faults.push("DEBUG makes the Redis client print its password. Unset it; use LOG_LEVEL=debug.");
  return faults;
}

/** Rules that involve several settings. */
export function crossErrors(values: Values, env: Environment): string[] {
  const faults: string[] = [];
  const origin = values.PUBLIC_ORIGIN;
  const loopback = origin !== undefined && isLoopbackUrl(origin);
  if (origin?.startsWith("http:") === true && !loopback)
    faults.push("PUBLIC_ORIGIN must be https unless its host is loopback: browsers drop Secure cookies over http.");
  if (values.INSECURE_COOKIES === "loopback" && origin !== undefined && !(loopback && origin.startsWith("http:")))
    faults.push(
      "INSECURE_COOKIES may be loopback only while PUBLIC_ORIGIN is http on a loopback host: over https every browser stores Secure cookies. Unset it.",
    );
  if (values.OIDC_ISSUER?.startsWith("http:") === true && origin !== undefined && !loopback)
    faults.push("OIDC_ISSUER may be http only while PUBLIC_ORIGIN is loopback. Put TLS in front of the provider.");
  if (env["NODE_ENV"] === "production" && !isSet(env, "REDIS_URL"))
    faults.push("REDIS_URL is required when NODE_ENV=production: without it, sessions are lost when the process ends.");
  if ((values.WORKERS ?? 1) > 1 && !isSet(env, "REDIS_URL"))
    faults.push("WORKERS above 1 needs REDIS_URL: without it, each process would have sessions of its own.");
  if (values.SPA_ROOT !== undefined && values.SPA_URL !== undefined)
    faults.push("SPA_ROOT and SPA_URL are both set: the app has one place. Keep one.");
  if (values.PORT !== 0 && values.PORT === values.MANAGEMENT_PORT)
    faults.push("MANAGEMENT_PORT must differ from PORT: health and metrics must not be on the public listener.");
  const idle = values.SESSION_IDLE_SECONDS;
  const max = values.SESSION_MAX_SECONDS;
  if (idle !== undefined && max !== undefined && idle > max)
    faults.push("SESSION_IDLE_SECONDS must not exceed SESSION_MAX_SECONDS: the idle limit could never be reached.");
  return faults;
}
