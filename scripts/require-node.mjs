// Exits with one sentence if the Node version is too old. Plain JavaScript: runs on old versions too.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  console.error(
    `Cloakroom needs Node 22.22 or later and found ${process.versions.node}. ` +
      "`npm ci` installs a suitable one: run it again without --omit=optional, then use the npm scripts.",
  );
  process.exit(1);
}
