// Lua scripts of the session store. Each one is atomic and uses the keys of one Cluster slot. All times come from the
// server's clock, so that instances with different clocks agree.
import type { RefreshClaim } from "../store.ts";

const NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)\n";

/*
 * Fields of a session hash:
 * s  koa-session JSON      t  sealed token set     v  token version
 * x  absolute end, ms      i  idle limit, ms
 * o  owner of the refresh lease (kept after the lease expires: the outcome is unknown)    l  end of lease, ms
 * r  when the refresh token expires, ms    w  its remaining life when it was stored, ms
 * a  last slide, ms
 * c  when a claim first found the lease expired, ms
 * e  changes with every write: last 24 characters of the sealed token set, which are random, or 24 random characters
 */
export const SCRIPTS = {
  /** KEYS session, tombstone. ARGV session JSON, tokens, idle ms, max ms, token life ms or ''. */
  createSession: {
    numberOfKeys: 2,
    lua: `${NOW}
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return 0 end
redis.call('HSET', KEYS[1], 's', ARGV[1], 't', ARGV[2], 'v', 1, 'i', ARGV[3], 'x', now + ARGV[4])
redis.call('HSET', KEYS[1], 'a', now, 'e', string.sub(ARGV[2], -24))
local left = math.min(ARGV[3], ARGV[4])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'r', now + ARGV[5], 'w', ARGV[5])
  left = math.min(left, ARGV[5])
end
redis.call('PEXPIRE', KEYS[1], left)
return 1`,
  },
  /** KEYS session. */
  slideSession: {
    numberOfKeys: 1,
    lua: `${NOW}
local r = redis.call('HMGET', KEYS[1], 'i', 'x', 'r')
if not r[1] then return 0 end
local left = math.min(tonumber(r[1]), tonumber(r[2]) - now, tonumber(r[3] or r[2]) - now)
if left <= 0 then redis.call('DEL', KEYS[1]) return 0 end
redis.call('HSET', KEYS[1], 'a', now)
redis.call('PEXPIRE', KEYS[1], left)
return 1`,
  },
  /** KEYS session. Returns s, t, v, idle left ms, absolute left ms, unused for ms. */
  readWithTimes: {
    numberOfKeys: 1,
    lua: `${NOW}
local r = redis.call('HMGET', KEYS[1], 's', 't', 'v', 'x', 'a')
if not r[1] then return nil end
local unused = r[5] and now - tonumber(r[5])
return {r[1], r[2], r[3], redis.call('PTTL', KEYS[1]), tonumber(r[4]) - now, unused}`,
  },
  /** KEYS session. Returns idle left ms, absolute left ms, idle limit ms. */
  limitsOfSession: {
    numberOfKeys: 1,
    lua: `${NOW}
local r = redis.call('HMGET', KEYS[1], 'x', 'i', 'w')
if not r[1] then return nil end
return {redis.call('PTTL', KEYS[1]), tonumber(r[1]) - now, math.min(tonumber(r[2]), tonumber(r[3] or r[2]))}`,
  },
  /**
   * KEYS session, tombstone. ARGV reason, tombstone ms, channel, message. The tombstone is written first, so that a late
   * create fails. PUBLISH may fail (ACL) without failing the script: subscribers also poll. An existing tombstone is
   * written again, because replicas confirm writes only and a repeated request needs a confirmation too.
   */
  endSession: {
    numberOfKeys: 2,
    lua: `
if not redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2], 'NX') then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
local s = redis.call('HGET', KEYS[1], 's')
redis.call('DEL', KEYS[1])
if s then redis.pcall('PUBLISH', ARGV[3], ARGV[4]) end
return s`,
  },
  /**
   * KEYS session. ARGV owner, token version, lease ms, grace ms. An expired lease is not taken over immediately: its holder
   * may have new tokens that it could not store during an outage. The grace period starts with the first claim that finds
   * the lease expired.
   */
  claimRefresh: {
    numberOfKeys: 1,
    lua: `${NOW}
local r = redis.call('HMGET', KEYS[1], 'v', 'o', 'l', 's', 't', 'c')
if not r[1] then return {'gone'} end
if r[1] ~= ARGV[2] then return {'changed', r[4], r[5], r[1]} end
local lease = tonumber(r[3] or '0') - now
if r[2] and r[2] ~= ARGV[1] and lease > 0 then return {'busy', lease} end
if r[2] and r[2] ~= ARGV[1] and r[3] ~= '0' then
  if not r[6] then redis.call('HSET', KEYS[1], 'c', now) end
  local grace = tonumber(ARGV[4]) - (now - tonumber(r[6] or now))
  if grace > 0 then return {'busy', grace} end
end
redis.call('HDEL', KEYS[1], 'c')
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'l', now + ARGV[3])
if r[2] and r[2] ~= ARGV[1] then return {'claimed', 1} end
return {'claimed', 0}`,
  },
  /** KEYS session. ARGV owner, lease ms. */
  renewRefresh: {
    numberOfKeys: 1,
    lua: `${NOW}
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'l', now + ARGV[2])
redis.call('HDEL', KEYS[1], 'c')
return 1`,
  },
  /**
   * KEYS session. ARGV owner, tokens, token life ms, '' or 'unchanged', session JSON or ''. `owner` is the fencing token: a paused holder that
   * lost its lease writes nothing. A refresh does not count as use: the idle limit is not extended.
   */
  saveTokens: {
    numberOfKeys: 1,
    lua: `${NOW}
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 't', ARGV[2], 'e', string.sub(ARGV[2], -24))
redis.call('HINCRBY', KEYS[1], 'v', 1)
redis.call('HDEL', KEYS[1], 'o', 'l', 'c')
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 's', ARGV[4]) end
if ARGV[3] == 'unchanged' then return 1 end
redis.call('HDEL', KEYS[1], 'r', 'w')
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'r', now + ARGV[3], 'w', ARGV[3]) end
local r = redis.call('HMGET', KEYS[1], 'i', 'x', 'r', 'a')
local idle = r[4] and tonumber(r[4]) + tonumber(r[1]) or now + redis.call('PTTL', KEYS[1])
redis.call('PEXPIRE', KEYS[1], math.max(1, math.min(idle, tonumber(r[2]), tonumber(r[3] or r[2])) - now))
return 1`,
  },
  /** KEYS session. ARGV token version, session JSON, new value of `e`. A missing record has no version. */
  saveSession: {
    numberOfKeys: 1,
    lua: `
if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 's', ARGV[2], 'e', ARGV[3])
return 1`,
  },
  /** KEYS session. ARGV owner, 'unspent' | 'unknown'. */
  releaseRefresh: {
    numberOfKeys: 1,
    lua: `
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then return 0 end
if ARGV[2] == 'unspent' then redis.call('HDEL', KEYS[1], 'o', 'l', 'c') else redis.call('HSET', KEYS[1], 'l', 0) end
return 1`,
  },
  /** KEYS next slot. ARGV interval ms, max wait ms. Returns 1 if the slot was acquired, and ms until the slot. */
  acquireRefreshSlot: {
    numberOfKeys: 1,
    lua: `
local t = redis.call('TIME') local now = t[1] * 1000 + t[2] / 1000
local turn = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local wait = math.ceil(turn - now)
if turn - now > tonumber(ARGV[2]) then return {0, wait} end
redis.call('SET', KEYS[1], string.format('%.3f', turn + tonumber(ARGV[1])), 'PX', wait + 60000)
return {1, wait}`,
  },
  /**
   * KEYS one for each rate limit. ARGV for each: requests, window ms. Counts the request for all of them, or for none.
   * Returns for each: requests left, ms until the oldest request no longer counts, ms until the next one is admitted or 0.
   * A value is a list of `last request ms:requests;`, oldest first, with one entry for each 1/32 of the window: a request
   * counts for the window and at most 1/32 of it longer. Entries of a later time are from before a clock jump.
   */
  countRequest: {
    lua: `${NOW}
local reply, lists, admitted = {}, {}, true
for i, key in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local list, used, wait = {}, 0, 0
  for last, count in string.gmatch(redis.call('GET', key) or '', '(%d+):(%d+);') do
    last, count = math.min(tonumber(last), now), tonumber(count)
    if last + window > now then
      used = used + count
      list[#list + 1] = {last, count}
    end
  end
  local left = used
  for _, entry in ipairs(list) do
    if left < limit then break end
    left, wait, admitted = left - entry[2], entry[1] + window - now, false
  end
  lists[i] = list
  reply[3 * i - 2], reply[3 * i] = math.max(0, limit - used), wait
  reply[3 * i - 1] = list[1] and list[1][1] + window - now or 0
end
if not admitted then return reply end
for i, key in ipairs(KEYS) do
  local list, window = lists[i], tonumber(ARGV[2 * i])
  local newest = list[#list]
  local width = window / 32
  if newest and math.floor(newest[1] / width) == math.floor(now / width) then
    newest[1], newest[2] = now, newest[2] + 1
  else
    list[#list + 1] = {now, 1}
  end
  local parts = {}
  for n, entry in ipairs(list) do parts[n] = string.format('%.0f:%.0f;', entry[1], entry[2]) end
  redis.call('SET', key, table.concat(parts), 'PX', window)
  reply[3 * i - 2] = reply[3 * i - 2] - 1
  reply[3 * i - 1] = list[1][1] + window - now
end
return reply`,
  },
  /** KEYS one-time value. ARGV owner, lease ms. The value is the owner of the lease, or '1' once used. */
  claimOnce: {
    numberOfKeys: 1,
    lua: `
local v = redis.call('GET', KEYS[1])
if v == '1' then return 'used' end
if v and v ~= ARGV[1] then return 'busy' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'claimed'`,
  },
  /** KEYS one-time value. ARGV owner. */
  releaseClaim: {
    numberOfKeys: 1,
    lua: `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`,
  },
  /** KEYS index, closed marker. ARGV session key, max ms, issued at s. */
  addToIndex: {
    numberOfKeys: 2,
    lua: `${NOW}
local closed = redis.call('GET', KEYS[2])
if closed and (closed == '*' or tonumber(ARGV[3]) <= tonumber(closed)) then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`,
  },
  /** KEYS index, closed marker. ARGV issued at s or '*', ttl ms. */
  closeIndex: {
    numberOfKeys: 2,
    lua: `
local closed = redis.call('GET', KEYS[2])
if not closed or (closed ~= '*' and (ARGV[1] == '*' or tonumber(ARGV[1]) > tonumber(closed))) then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
return redis.call('ZRANGE', KEYS[1], 0, -1)`,
  },
} as const satisfies Record<string, { lua: string; numberOfKeys?: number }>;

export type ScriptName = keyof typeof SCRIPTS;

/** Parses the reply of `claimRefresh`. */
export function parseClaim(reply: unknown): RefreshClaim {
  const [kind, first, second, third] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (kind === "claimed") return { kind, afterUnknown: first === 1 };
  if (kind === "busy") return { kind, leaseMs: Number(first) };
  if (kind === "changed")
    return {
      kind,
      stored: { session: String(first), tokens: String(second), tokenVersion: Number(third) },
    };
  return { kind: "gone" };
}
