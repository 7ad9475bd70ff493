// Health check of the image: exit status 0 if /readyz of the management listener is 200. Reads the environment only: with
// `management` in cloakroom.yaml, set MANAGEMENT_HOST and MANAGEMENT_PORT too, or replace the check.
const { MANAGEMENT_HOST = "", MANAGEMENT_PORT = "" } = process.env;
const isWildcard = ["", "0.0.0.0", "::"].includes(MANAGEMENT_HOST);
const host = isWildcard ? "127.0.0.1" : MANAGEMENT_HOST.includes(":") ? `[${MANAGEMENT_HOST}]` : MANAGEMENT_HOST;
const port = MANAGEMENT_PORT === "" ? "9000" : MANAGEMENT_PORT;
const isReady = await fetch(`http://${host}:${port}/readyz`, { signal: AbortSignal.timeout(2_500) }).then(
  ({ ok }) => ok,
  () => false,
);
process.exit(isReady ? 0 : 1);
