// Locales for Intl formats.

/**
 * The user's languages without malformed language tags, on which every `Intl` constructor throws: WebKitGTK reports "C"
 * in the locale C.UTF-8. An empty list means the browser's default.
 */
export function userLocales(languages: readonly string[]): string[] {
  return languages.filter((language) => {
    try {
      return Intl.getCanonicalLocales(language).length > 0;
    } catch {
      return false;
    }
  });
}
