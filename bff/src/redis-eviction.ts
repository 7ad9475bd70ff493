// Whether a Redis server would lose sessions without a word, and so may not keep any.

/** Any eviction policy but noeviction deletes sessions once memory is full. @param info what INFO says of its memory */
export function evictionFault(info: string): string | undefined {
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  const limit = /^maxmemory:(\d+)/m.exec(info)?.[1];
  if (policy === undefined || policy === "noeviction" || limit === "0") return undefined;
  return `REDIS_URL points to a server with maxmemory-policy ${policy}: it would drop sessions without a word. Set maxmemory-policy noeviction there.`;
}
