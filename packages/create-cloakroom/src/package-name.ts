// The package name of the project, from the name of its folder.
import { CreateError } from "./create-error.ts";

const MAX_LENGTH = 214;
/** Names that npm rejects, and names that would hide a module of the template. */
const RESERVED: ReadonlySet<string> = new Set(["node_modules", "favicon.ico"]);

/**
 * @returns a valid name: lower case, other characters as hyphens
 * @throws CreateError if nothing remains, or if the folder's name is reserved
 */
export function packageName(folder: string): string {
  if (/\p{Cc}/u.test(folder))
    throw new CreateError("The name of the folder contains control characters. Choose another one.");
  if (RESERVED.has(folder.toLowerCase()))
    throw new CreateError(`${folder} cannot be the name of a project. Choose another folder.`);
  const name = folder
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9._~-]+/g, "-")
    .replace(/^[-._]+|[-._]+$/g, "")
    .slice(0, MAX_LENGTH);
  if (name === "")
    throw new CreateError(`"${folder}" contains no letter or digit of the Latin alphabet. Choose another folder.`);
  return name;
}
