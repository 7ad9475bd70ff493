// German texts of the gateway's pages, by the keys of page-texts.ts.

const NOT_LOGGED_IN = { title: "Sie sind nicht angemeldet", sentence: "Bitte melden Sie sich an, um fortzufahren." };
const UNAVAILABLE = {
  title: "Die Anmeldung ist gerade nicht möglich",
  sentence:
    "Ein Dienst, der dafür nötig ist, antwortet nicht. Sie werden dadurch nicht abgemeldet. Bitte versuchen Sie es gleich noch einmal.",
};
const PAGE_UNAVAILABLE = {
  title: "Diese Seite ist gerade nicht verfügbar",
  sentence:
    "Ein Dienst dahinter antwortet nicht wie erwartet. Sie werden dadurch nicht abgemeldet. Bitte versuchen Sie es gleich noch einmal.",
};
const INVALID = {
  title: "Das hat nicht funktioniert",
  sentence: "Die Adresse oder die Anfrage dahinter ist nicht gültig.",
};
const NOT_COMPLETED = "Die Anmeldung wurde nicht abgeschlossen";

const ERROR_TEXTS: Readonly<Record<string, { title: string; sentence: string }>> = {
  session_missing: NOT_LOGGED_IN,
  session_expired: {
    title: "Ihre Sitzung ist abgelaufen",
    sentence: "Sie waren eine Weile nicht aktiv. Bitte melden Sie sich erneut an.",
  },
  session_revoked: {
    title: "Ihre Sitzung wurde beendet",
    sentence: "Sie wurden hier abgemeldet. Bitte melden Sie sich erneut an.",
  },
  session_changed: {
    title: "Diese Seite ist nicht mehr aktuell",
    sentence: "Eine andere Anmeldung hat Ihre ersetzt. Bitte laden Sie die Seite neu.",
  },
  csrf_rejected: {
    title: "Diese Anfrage wurde abgelehnt",
    sentence:
      "Sie kam nicht aus dieser Anwendung. Falls Sie einem Link gefolgt sind, öffnen Sie bitte stattdessen die Anwendung selbst.",
  },
  forbidden: {
    title: "Sie können dies nicht öffnen",
    sentence: "Ihrem Konto fehlt die nötige Berechtigung.",
  },
  token_missing: NOT_LOGGED_IN,
  invalid_token: NOT_LOGGED_IN,
  invalid_dpop_proof: NOT_LOGGED_IN,
  insufficient_scope: {
    title: "Sie können dies nicht öffnen",
    sentence: "Ihrem Konto fehlt die nötige Berechtigung.",
  },
  step_up_required: {
    title: "Bitte bestätigen Sie Ihre Identität",
    sentence: "Dafür ist eine stärkere Anmeldung nötig.",
  },
  step_up_failed: {
    title: "Ihre Identität wurde nicht bestätigt",
    sentence:
      "Der Anmeldedienst hat den zweiten Schritt ausgelassen, der hierfür nötig ist. Es hat sich nichts geändert: Sie sind angemeldet wie zuvor.",
  },
  login_failed: {
    title: NOT_COMPLETED,
    sentence:
      "Vielleicht hat sie zu lange gedauert oder wurde in einem anderen Fenster begonnen. Bitte versuchen Sie es noch einmal.",
  },
  store_unavailable: PAGE_UNAVAILABLE,
  provider_unavailable: UNAVAILABLE,
  overloaded: {
    title: "Diese Anwendung ist gerade überlastet",
    sentence: "Sie werden dadurch nicht abgemeldet. Bitte versuchen Sie es gleich noch einmal.",
  },
  upstream_unreachable: PAGE_UNAVAILABLE,
  upstream_unavailable: PAGE_UNAVAILABLE,
  upstream_timeout: PAGE_UNAVAILABLE,
  payload_too_large: INVALID,
  request_malformed: INVALID,
  not_found: {
    title: "Hier ist nichts",
    sentence: "Vielleicht ist die Adresse veraltet oder enthält einen Tippfehler.",
  },
  method_not_allowed: INVALID,
  too_many_connections: {
    title: "Zu viele offene Verbindungen",
    sentence: "Schließen Sie einige Tabs dieser Anwendung und versuchen Sie es noch einmal.",
  },
  http_version_not_supported: {
    title: "Ein Proxy vor dieser Anwendung ist falsch eingestellt",
    sentence: "Er muss mit HTTP/1.1 weiterleiten (nginx: proxy_http_version 1.1;).",
  },
  too_many_requests: {
    title: "Zu viele gleichzeitige Anfragen",
    sentence:
      "Mehrere Ihrer Anfragen warten noch auf eine Antwort. Sie werden dadurch nicht abgemeldet. Bitte versuchen Sie es gleich noch einmal.",
  },
  rate_limit_exceeded: {
    title: "Zu viele Anfragen",
    sentence: "Sie haben zu viele Anfragen gesendet. Bitte versuchen Sie es später noch einmal.",
  },
  claim_not_forwardable: {
    title: "Es ist ein Fehler aufgetreten",
    sentence: "Ihr Konto enthält einen Wert, den der Dienst hinter dieser Adresse nicht empfangen kann.",
  },
  internal: {
    title: "Es ist ein Fehler aufgetreten",
    sentence: "Der Fehler liegt bei uns. Bitte versuchen Sie es gleich noch einmal.",
  },
  duplicate_cookie: {
    title: "Bitte öffnen Sie diese Seite noch einmal",
    sentence:
      "Eine andere Website dieser Domain hat ein Cookie gesetzt, das denselben Namen hat wie eines dieser Anwendung. Es wurde entfernt; Ihre Anmeldung ist davon nicht betroffen. Bitte versuchen Sie es noch einmal.",
  },
  login_expired: {
    title: NOT_COMPLETED,
    sentence:
      "Sie hat zu lange gedauert: Eine Anmeldung muss innerhalb von 15 Minuten abgeschlossen sein. Bitte beginnen Sie noch einmal.",
  },
  login_page_expired: {
    title: NOT_COMPLETED,
    sentence: "Die Seite des Anmeldedienstes war zu lange geöffnet. Bitte beginnen Sie die Anmeldung noch einmal.",
  },
  login_denied: {
    title: NOT_COMPLETED,
    sentence:
      "Sie wurde abgebrochen, oder der Anmeldedienst lässt sie für dieses Konto nicht zu. Sie können sie noch einmal beginnen.",
  },
  login_misconfigured: {
    title: "Die Anmeldung ist nicht möglich",
    sentence:
      "Der Anmeldedienst akzeptiert die Einstellungen dieser Anwendung nicht. Ein neuer Versuch hilft erst, wenn die Betreiber sie berichtigt haben.",
  },
  login_cookie_missing: {
    title: NOT_COMPLETED,
    sentence:
      "Ihr Browser hat das Anmelde-Cookie nicht gesendet. Vielleicht sind Cookies für diese Website blockiert, die Anmeldung wurde schon verwendet, in einem anderen Browser oder unter einem anderen Hostnamen begonnen (etwa 127.0.0.1 statt localhost) oder war länger als 15 Minuten offen.",
  },
  foreign_issuer: {
    title: "Dieser Link gehört zu einem anderen Anmeldedienst",
    sentence:
      "Der Link verlangt eine Anmeldung bei einem anderen Anmeldedienst als dem dieser Anwendung. Öffnen Sie die Anwendung selbst und melden Sie sich dort an.",
  },
  registration_not_offered: {
    title: "Mit diesem Link können Sie sich nicht registrieren",
    sentence:
      "Der Anmeldedienst öffnet seine Registrierung nicht über einen Link. Melden Sie sich stattdessen an; auf der Anmeldeseite können Sie vielleicht ein Konto anlegen.",
  },
  secure_cookie_not_stored: {
    title: NOT_COMPLETED,
    sentence:
      "Ihr Browser hat das Anmelde-Cookie nicht gespeichert. Es ist als Secure markiert, und WebKit-Browser wie Safari speichern solche Cookies nicht über http, auch nicht auf localhost. Eine neue Anmeldung hilft nicht. Verwenden Sie hier Chrome, Edge oder Firefox, oder stellen Sie diese Anwendung über https bereit.",
  },
};

export const GERMAN: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(ERROR_TEXTS).flatMap(([code, { title, sentence }]) => [
      [`${code}.title`, title],
      [`${code}.sentence`, sentence],
    ]),
  ),
  home: "Zur Startseite",
  login: "Anmelden",
  tryAgain: "Noch einmal versuchen",
  openAgain: "Noch einmal öffnen",
  continue: "Weiter",
  help: "Wenn Sie um Hilfe bitten, nennen Sie {requestId}.",
  "continueLogin.title": "Einen Moment",
  "continueLogin.sentence": "Sie werden zur Anmeldung weitergeleitet.",
  "continueLogout.title": "Sie werden abgemeldet",
  "continueLogout.sentence":
    "Ihre Sitzung hier ist beendet. Als Nächstes beendet der Anmeldedienst seine eigene Sitzung.",
  "refresh.title": "Einen Moment",
  "refresh.sentence": "Die Seite wird geöffnet.",
  "confirmLogin.title": "Möchten Sie sich anmelden?",
  "confirmLogin.sentence":
    "Eine andere Website bittet Sie, sich bei dieser Anwendung anzumelden. Falls Sie hier angemeldet sind, endet diese Sitzung.",
  "confirmLogin.keep": "Nicht anmelden",
  "confirmLogin.submit": "Anmelden",
  "replaceLogin.title": "Sie sind bereits angemeldet",
  "replaceLogin.sentence":
    "Sie sind als {name} angemeldet. Eine andere Website bittet Sie, sich erneut anzumelden. Wenn Sie das tun, endet diese Sitzung, und der Anmeldedienst entscheidet, welches Konto verwendet wird.",
  "replaceLogin.keep": "Angemeldet bleiben",
  "replaceLogin.submit": "Erneut anmelden",
};
