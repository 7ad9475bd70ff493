// Checks of the Redis server's configuration that could lose sessions silently.

/** Eviction deletes sessions once memory is full. @param info the section "memory" of INFO */
export function evictionError(info: string): string | undefined {
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  const limit = /^maxmemory:(\d+)/m.exec(info)?.[1];
  if (policy === undefined || policy === "noeviction" || limit === "0") return undefined;
  return `REDIS_URL points to a server with maxmemory-policy ${policy}: it would evict sessions once memory is full. Set maxmemory-policy noeviction.`;
}

/** A node of a Cluster used as a single server. @param cluster the section "cluster" of INFO */
export function clusterError(cluster: string): string | undefined {
  if (!/^cluster_enabled:1/m.test(cluster)) return undefined;
  return "REDIS_URL points to a node of a Cluster, which holds only some of the sessions. Use redis+cluster:// (rediss+cluster:// with TLS).";
}
