// Whether a Redis server would lose sessions without a word, and so may not keep any.

/** Any eviction policy but noeviction deletes sessions once memory is full. @param info what INFO says of its memory */
export function evictionFault(info: string): string | undefined {
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  const limit = /^maxmemory:(\d+)/m.exec(info)?.[1];
  if (policy === undefined || policy === "noeviction" || limit === "0") return undefined;
  return `REDIS_URL points to a server with maxmemory-policy ${policy}: it would drop sessions without a word. Set maxmemory-policy noeviction there.`;
}

/** @param cluster the section "cluster" of INFO. @returns the fault of a Cluster's node used as if it were one server */
export function clusterFault(cluster: string): string | undefined {
  if (!/^cluster_enabled:1/m.test(cluster)) return undefined;
  return "REDIS_URL points to a node of a Cluster, which holds only some of the sessions. Use redis+cluster:// (rediss+cluster:// with TLS).";
}
