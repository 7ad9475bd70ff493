// Imported first by the library. npm only warns of an unsupported version, and later modules would fail with errors that name no cure.
const { node } = process.versions;
const [major = 0, minor = 0] = node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 22))
  throw new Error(`@cloakroom/gateway needs Node 22.22 or later and found ${node}.`);

export {};
