// Says in one sentence what is missing where the pinned runtime did not arrive. Plain JavaScript: it must run on any Node.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  console.error(
    `Cloakroom needs Node 22.22 or later and found ${process.versions.node}. ` +
      "`npm ci` brings a suitable one along: run it again without --omit=optional, then start with `npm start`.",
  );
  process.exit(1);
}
