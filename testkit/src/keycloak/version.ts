// The Keycloak version that this project is tested with.

/** docker-compose.yml uses the same version (checked by deploy/test/compose.test.ts). */
export const KEYCLOAK_VERSION = "26.7.3";

/** The minimum for Keycloak 26. */
export const MIN_JAVA_MAJOR = 17;
