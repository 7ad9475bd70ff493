import * as Sentry from "@sentry/browser";

// The test replaces this address by that of its stand-in for the ingest service.
Sentry.init({ dsn: "http://0123456789abcdef@sentry.invalid/1", defaultIntegrations: false });

const root = document.getElementById("root");
root.innerText = "Remote";
root.style.fontFamily = "'Stand In', monospace";

Sentry.captureException(new Error("an error of the app"));
