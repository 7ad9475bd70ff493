// The one place that says which Keycloak this project is built and tested against.

/** docker-compose.yml names the same one; deploy/test/compose.test.ts holds them together. */
export const KEYCLOAK_VERSION = "26.7.3";

/** Keycloak 26 needs at least this one. */
export const MIN_JAVA_MAJOR = 17;
