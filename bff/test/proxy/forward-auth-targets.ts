// Request targets for forward-auth: for the listener alone and for real proxies in front of it. /api/files accepts escaped
// slashes.
// I6: what one parser reads as another path than the gateway is rejected, also outside of all rows, because the proxy selects
// the location by its own reading.
export const AMBIGUOUS_TARGETS: readonly (readonly [title: string, target: string])[] = [
  ["two slashes at the start", "//api/x"],
  ["two slashes inside", "/api//x"],
  ["two slashes before the row", "/x//api"],
  ["a dot segment", "/api/./x"],
  ["a parent segment", "/api/../api/x"],
  ["a parent segment from outside into the row", "/x/../api/x"],
  ["a parent segment at the end", "/api/x/.."],
  ["an escaped dot", "/api/%2e/x"],
  ["an escaped parent segment", "/x/%2e%2e/api/x"],
  ["a half escaped parent segment", "/x/.%2E/api/x"],
  ["a doubly escaped dot", "/api/%252e%252e/x"],
  ["an escaped slash", "/api%2fx"],
  ["an escaped slash in upper case", "/api/x%2Fy"],
  ["an escaped backslash", "/api/x%5cy"],
  ["a backslash", "/api\\x"],
  ["a backslash at the start", "/\\api/x"],
  ["a path parameter", "/api;x=1/y"],
  ["a path parameter with dots", "/api/..;/x"],
  ["an escaped path parameter", "/api%3bx"],
  ["an escaped NUL", "/api/x%00"],
  ["an escaped newline", "/api/x%0ay"],
  ["an escaped letter", "/%61pi/x"],
  ["a malformed escape", "/api/%zz"],
  ["an overlong dot", "/api/%c0%ae/x"],
  ["a full-width dot", "/api/%ef%bc%8e%ef%bc%8e/x"],
  ["a fragment", "/api/hooks/x#/../../api/secret"],
  ["an escaped slash outside of the row that accepts it", "/api/files%2fx"],
  ["an escaped parent segment in a row that accepts escaped slashes", "/api/files/a%2f..%2fb"],
];

export const PLAIN_TARGETS: readonly string[] = [
  "/api",
  "/api/",
  "/api?x=//..;",
  "/api/caf%C3%A9",
  "/api/a%20b",
  "/api/files/a%2Fb",
  "/api/x~y_z-1.2",
];
