// Entry point @cloakroom/testing/leaks: the leak search for other test runners than the fixtures of @cloakroom/testing/playwright.
import "./require-node.ts";
export { createLeakWatch, type LeakReport, type LeakWatch, type LeakWatchOptions } from "./leaks/leak-watch.ts";
export { startRecordingProxy, type RecordingProxy } from "./leaks/recording-proxy.ts";
export { findLeaks, type Leak } from "./leaks/search.ts";
export { textsOfExchange, type Exchange, type SearchedText } from "./leaks/exchange.ts";
export { secretsOf, SESSION_COOKIE, type Secret } from "./leaks/secrets.ts";
