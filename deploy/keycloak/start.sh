#!/bin/bash
# Entry point of the Keycloak image: reads secrets from files, because Keycloak has no *_FILE variables. Uses bash
# built-ins only: the image has no coreutils beyond the minimum.
set -euo pipefail

secrets=${SECRETS_FOLDER:-/secrets}

secret() {
  if [[ ! -s $secrets/$1 ]]; then
    echo "Keycloak cannot start: $secrets/$1 is missing or empty. The service \"secrets\" creates it." >&2
    exit 78
  fi
  printf '%s' "$(<"$secrets/$1")"
}

for name in CLOAKROOM_ORIGIN CLOAKROOM_BACKCHANNEL_ORIGIN KC_HOSTNAME; do
  if [[ -z ${!name:-} ]]; then
    echo "Keycloak cannot start: $name is not set (see docs/guides/compose.md)." >&2
    exit 78
  fi
done

# Both become part of redirect URIs, which Keycloak compares as exact strings.
for name in CLOAKROOM_ORIGIN CLOAKROOM_BACKCHANNEL_ORIGIN; do
  if [[ ! ${!name} =~ ^https?://[][A-Za-z0-9.:-]+$ ]]; then
    echo "Keycloak cannot start: $name must be an origin such as https://app.example.com, without a path or trailing slash." >&2
    exit 78
  fi
done

# Keycloak rejects options with an empty value.
[[ -n ${KC_PROXY_HEADERS:-} ]] || unset KC_PROXY_HEADERS KC_PROXY_TRUSTED_ADDRESSES
if [[ -n ${KC_PROXY_HEADERS:-} && -z ${KC_PROXY_TRUSTED_ADDRESSES:-} ]]; then
  echo "Keycloak cannot start: KC_PROXY_HEADERS without KC_PROXY_TRUSTED_ADDRESSES would trust X-Forwarded-* from any address. Set the proxy's address." >&2
  exit 78
fi

# Assigned before exported: `export NAME=$(secret …)` would ignore a failure of `secret`.
KC_DB_PASSWORD=$(secret database_password)
KC_BOOTSTRAP_ADMIN_PASSWORD=$(secret bootstrap_admin_password)
CLOAKROOM_CLIENT_SECRET=$(secret client_secret)
CLOAKROOM_ALICE_PASSWORD=$(secret alice_password)
CLOAKROOM_ADMIN_PASSWORD=$(secret admin_password)
export KC_DB_PASSWORD KC_BOOTSTRAP_ADMIN_PASSWORD
export CLOAKROOM_CLIENT_SECRET CLOAKROOM_ALICE_PASSWORD CLOAKROOM_ADMIN_PASSWORD

# With arguments, e.g. `export --dir=/export`, runs that kc.sh command instead of the server.
if [[ $# -gt 0 ]]; then
  for option in "$@"; do
    [[ $option == --dir=* ]] || continue
    folder=${option#--dir=}
    if [[ ! -w $folder && ! ( ! -e $folder && -w ${folder%/*}/ ) ]]; then
      echo "Keycloak cannot export: user $EUID cannot write to $folder. Create the folder first and run the command as its" \
        "owner: mkdir -p export, then docker compose run --user \"\$(id -u):0\" (docs/guides/backup.md)." >&2
      exit 78
    fi
  done
  exec "${KEYCLOAK_HOME:-/opt/keycloak}/bin/kc.sh" "$1" --optimized "${@:2}"
fi

# Keycloak imports a realm only once: update-client.sh applies the current origins when the server is ready. Started in
# a subshell so that it is reparented: the server, which takes over this process id, does not reap children.
("${BASH_SOURCE[0]%/*}/update-client.sh" $$ &)
exec "${KEYCLOAK_HOME:-/opt/keycloak}/bin/kc.sh" start --optimized --import-realm
