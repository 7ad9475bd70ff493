#!/bin/bash
# Sets the URIs of the client "cloakroom" to the current origins. Keycloak imports a realm only once: without this
# script, a system first started under another PUBLIC_ORIGIN (http before TLS, a restored backup) rejects every login.
# Idempotent; start.sh runs it in the background. Argument: the server's process id; the script exits with the server.
set -euo pipefail

server=$1
realm=demo
client=cloakroom
wait_seconds=${UPDATE_WAIT_SECONDS:-600}
retry_seconds=${UPDATE_RETRY_SECONDS:-5}
attempts=5

callback=$CLOAKROOM_ORIGIN/bff/callback
# Two post-logout redirect URIs, separated by "##": the gateway's logout return route and POST_LOGOUT_PATH.
after_logout="$CLOAKROOM_ORIGIN/bff/logout/return##$CLOAKROOM_ORIGIN/logged-out"
backchannel=$CLOAKROOM_BACKCHANNEL_ORIGIN/bff/backchannel-logout

is_ready() (
  exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/${KC_HTTP_MANAGEMENT_PORT:-9000}" || return 1
  printf 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
  read -r status <&3 && [[ $status == *' 200 '* ]]
)

# Runs a second, small JVM without a configuration file. The password is passed in its environment.
kcadm() {
  KC_OPTS="-Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1" KC_CLI_PASSWORD=$KC_BOOTSTRAP_ADMIN_PASSWORD \
    "${KEYCLOAK_HOME:-/opt/keycloak}/bin/kcadm.sh" "$1" "$2" -r "$realm" "${@:3}" --no-config \
    --server "http://127.0.0.1:${KC_HTTP_PORT:-8080}" --realm master --user "$KC_BOOTSTRAP_ADMIN_USERNAME"
}

update() {
  local found id
  found=$(kcadm get clients -q "clientId=$client" --fields "id,rootUrl,redirectUris,webOrigins,attributes(*)" 2>&1) ||
    { failure=$found; return 1; }
  [[ $found =~ \"id\"\ :\ \"([^\"]+)\" ]] || { failure="realm $realm has no client $client"; return 1; }
  id=${BASH_REMATCH[1]}
  # Every update is an admin event in Keycloak's audit trail: skipped when nothing changes.
  if [[ $found == *"\"rootUrl\" : \"$CLOAKROOM_ORIGIN\""* && $found == *"\"redirectUris\" : [ \"$callback\" ]"* &&
    $found == *"\"post.logout.redirect.uris\" : \"$after_logout\""* &&
    $found == *"\"backchannel.logout.url\" : \"$backchannel\""* && $found == *'"webOrigins" : [ ]'* ]]; then
    echo "Client $client already has the URIs of $CLOAKROOM_ORIGIN."
    return 0
  fi
  failure=$(kcadm update "clients/$id" -s "rootUrl=$CLOAKROOM_ORIGIN" -s "redirectUris=[\"$callback\"]" \
    -s 'webOrigins=[]' -s "attributes.\"post.logout.redirect.uris\"=$after_logout" \
    -s "attributes.\"backchannel.logout.url\"=$backchannel" 2>&1) || return 1
  echo "Client $client updated to the URIs of $CLOAKROOM_ORIGIN."
}

for ((second = 0; ; second++)); do
  kill -0 "$server" 2>/dev/null || exit 0
  ! is_ready || break
  [[ $second -lt $wait_seconds ]] ||
    { echo "Client $client not updated: Keycloak is not ready after $wait_seconds s." >&2; exit 1; }
  sleep 1
done

for ((attempt = 1; attempt <= attempts; attempt++)); do
  ! update || exit 0
  kill -0 "$server" 2>/dev/null || exit 0
  [[ $attempt -eq $attempts ]] || sleep "$retry_seconds"
done
echo "Client $client not updated as $KC_BOOTSTRAP_ADMIN_USERNAME: ${failure//$'\n'/ }" >&2
echo "If that administrator was replaced, set the client's URIs in the Keycloak console: redirect URI $callback," \
  "post-logout redirect URIs ${after_logout/\#\#/ and }, back-channel logout URL $backchannel." >&2
exit 1
