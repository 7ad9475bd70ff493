// Finds the command of the gateway (@cloakroom/gateway) that a project has installed, so that tests run the project's version.
import { readFileSync } from "node:fs";
// By default: older versions of Node lack its `findPackageJSON`, and must reach the check of the version.
import nodeModule from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const GATEWAY = "@cloakroom/gateway";

/**
 * @param folder where the search begins; the installation of this package is searched next
 * @returns path of the program that `cloakroom` starts
 * @throws Error if the package is not installed
 */
export function findGatewayCommand(folder: string = process.cwd()): string {
  const manifest = manifestFrom(pathToFileURL(join(folder, "package.json")).href) ?? manifestFrom(import.meta.url);
  if (manifest === undefined) throw new Error(`${GATEWAY} is not installed in ${folder}: npm install -D ${GATEWAY}`);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: Record<string, string> };
  return join(dirname(manifest), bin["cloakroom"] ?? "");
}

function manifestFrom(base: string): string | undefined {
  try {
    return nodeModule.findPackageJSON(GATEWAY, base);
  } catch {
    return undefined;
  }
}
