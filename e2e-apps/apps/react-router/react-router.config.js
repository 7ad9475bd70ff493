export default {
  ssr: true,
  // The public host, whose forms may be posted. Here any name without dots, because the tests use free ports.
  allowedActionOrigins: ["*"],
};
