#!/bin/sh
# Entry point of the built-in Redis: writes the ACL file from the gateway's Redis URL, which holds the password.
set -eu

fail() {
  echo "Redis cannot start: $1" >&2
  exit 78
}

url=$(cat "${REDIS_URL_FILE:-/secrets/redis_url}")
rest=${url#redis://cloakroom:}
password=${rest%@*}
[ "$rest" != "$url" ] && [ "$password" != "$rest" ] ||
  fail "the key redis_url of the gateway's Secret must have the form redis://cloakroom:PASSWORD@HOST:6379/0."
case $password in
*[!A-Za-z0-9_-]*) fail "the password in redis_url may contain letters, digits, - and _ only. Create it with: openssl rand -hex 32" ;;
esac
[ ${#password} -ge 32 ] || fail "the password in redis_url must have at least 32 characters. Create it with: openssl rand -hex 32"

keys=
channels=
for id in $APPLICATION_IDS; do
  keys="$keys ~cloakroom:$id:*"
  channels="$channels &cloakroom:$id:*"
done

# The commands that the store sends (docs/guides/redis.md).
commands="hmget hget hset hdel hincrby exists pexpire pttl del set get zadd zrem zrange zremrangebyscore time publish \
subscribe client|id client|tracking eval evalsha info hello auth select ping"

umask 077
folder=${ACL_FOLDER:-/run/redis}
hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
cat >"$folder/users.acl" <<ACL
user default off resetpass allkeys allchannels +@all
user cloakroom on #$hash resetkeys$keys resetchannels$channels &__redis__:invalidate -@all +$(echo "$commands" | sed 's/ / +/g')
user health on nopass resetkeys resetchannels -@all +ping
ACL
exec redis-server /etc/redis/redis.conf --aclfile "$folder/users.acl"
