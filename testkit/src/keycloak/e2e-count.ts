// Where `npm test` looks for the count of the tests on Keycloak.
export const COUNT_FILE_VARIABLE = "CLOAKROOM_E2E_COUNT_FILE";
