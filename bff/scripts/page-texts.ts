// Prints the English texts of the gateway's pages as JSON, as a template for a translation (docs/guides/error-pages.md).
import { BUILT_IN_LANGUAGES } from "../src/config/pages/page-texts.ts";

console.log(JSON.stringify(BUILT_IN_LANGUAGES.en, null, 2));
