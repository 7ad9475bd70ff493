// Mutants of @cloakroom/react.
import type { Mutant } from "./mutants.ts";

const LOGIN_TESTS = ["../packages/react/test/automatic-login.test.ts"];
const ROUTER_TESTS = ["../packages/react/test/router.test.ts"];

export const REACT_MUTANTS: readonly Mutant[] = [
  {
    breaks: "React: a server renders the user that a client of several requests has loaded",
    file: "../packages/react/src/use-session.ts",
    find: "useSyncExternalStore(client.subscribe, snapshotOf(client), () => initial.view)",
    replace: "useSyncExternalStore(client.subscribe, snapshotOf(client), snapshotOf(client))",
    tests: ["../packages/react/test/server-rendering.test.tsx"],
  },
  {
    breaks: "React: an unattended tab logs in again after its session has ended",
    file: "../packages/react/src/automatic-login.ts",
    find: "endReason === null && renderedSub === null &&",
    replace: "",
    tests: [...LOGIN_TESTS, ...ROUTER_TESTS],
  },
  {
    breaks: "React: dismissing the end reason lets an unattended tab log in again",
    file: "../packages/react/src/automatic-login.ts",
    find: "&& renderedSub === null &&",
    replace: "&&",
    tests: LOGIN_TESTS,
  },
  {
    breaks: "I10: a login of the app cancels the navigation to the provider's logout",
    file: "../packages/react/src/automatic-login.ts",
    find: ' && logout.kind !== "pending"',
    replace: "",
    tests: LOGIN_TESTS,
  },
  {
    breaks: "I10: a loader redirects to the login while a logout is in progress",
    file: "../packages/react/src/router/require-session.ts",
    find: 'if (state.logout.kind !== "pending") return state;',
    replace: 'if (state.status !== "unknown") return { ...state, logout: { kind: "idle" } };',
    tests: ROUTER_TESTS,
  },
  {
    breaks: "React: a browser that stores no cookies is sent to the login for ever",
    file: "../packages/react/src/automatic-login.ts",
    find: "if (sessionStorage.getItem(storageKey) !== null) return false;",
    replace: "",
    tests: [...LOGIN_TESTS, ...ROUTER_TESTS],
  },
  {
    breaks: "I5: a loader sends the browser to the login while the session cannot be checked",
    file: "../packages/react/src/router/require-session.ts",
    find: 'if (state.status === "unknown") throw sessionRouteError({ code: "session_unavailable" });',
    replace: 'if (state.status === "unknown") throw redirectDocument(loginUrlFor(client, request));',
    tests: ROUTER_TESTS,
  },
  {
    breaks: "React: the data of an ended session stay on the page",
    file: "../packages/react/src/router/revalidate-on-session-change.ts",
    find: "if (key === loadedFor) return;",
    replace: 'if (key === loadedFor || key === "anonymous") return;',
    tests: ROUTER_TESTS,
  },
  {
    breaks: "React: a check that finds nothing new renders every component again",
    file: "../packages/react/src/session-view.ts",
    find: "view = reuse(view, toView(client, next));",
    replace: "view = toView(client, next);",
    tests: ["../packages/react/test/session-view.test.ts"],
  },
];
