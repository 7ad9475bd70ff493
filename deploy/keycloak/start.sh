#!/bin/bash
# Starts Keycloak with its secrets from files, which it cannot read by itself. Only what bash has built in: the image
# has little else.
set -euo pipefail

secrets=${SECRETS_FOLDER:-/secrets}

secret() {
  if [[ ! -s $secrets/$1 ]]; then
    echo "Keycloak cannot start: $secrets/$1 is missing or empty. The service \"secrets\" makes it." >&2
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

# They become redirect URIs, which are compared letter by letter.
for name in CLOAKROOM_ORIGIN CLOAKROOM_BACKCHANNEL_ORIGIN; do
  if [[ ! ${!name} =~ ^https?://[][A-Za-z0-9.:-]+$ ]]; then
    echo "Keycloak cannot start: $name must be an origin such as https://app.example.com, without a path or a final slash." >&2
    exit 78
  fi
done

# Keycloak refuses an option that is set to nothing.
[[ -n ${KC_PROXY_HEADERS:-} ]] || unset KC_PROXY_HEADERS KC_PROXY_TRUSTED_ADDRESSES
if [[ -n ${KC_PROXY_HEADERS:-} && -z ${KC_PROXY_TRUSTED_ADDRESSES:-} ]]; then
  echo "Keycloak cannot start: KC_PROXY_HEADERS without KC_PROXY_TRUSTED_ADDRESSES would believe everybody. Set the proxy's address." >&2
  exit 78
fi

# Assigned before they are exported: an export would hide that a secret is missing.
KC_DB_PASSWORD=$(secret database_password)
KC_BOOTSTRAP_ADMIN_PASSWORD=$(secret bootstrap_admin_password)
CLOAKROOM_CLIENT_SECRET=$(secret client_secret)
CLOAKROOM_ALICE_PASSWORD=$(secret alice_password)
CLOAKROOM_ADMIN_PASSWORD=$(secret admin_password)
export KC_DB_PASSWORD KC_BOOTSTRAP_ADMIN_PASSWORD
export CLOAKROOM_CLIENT_SECRET CLOAKROOM_ALICE_PASSWORD CLOAKROOM_ADMIN_PASSWORD

# Given a command, e.g. `export --dir=/export`, that one and no server.
if [[ $# -gt 0 ]]; then
  for option in "$@"; do
    [[ $option == --dir=* ]] || continue
    folder=${option#--dir=}
    if [[ ! -w $folder && ! ( ! -e $folder && -w ${folder%/*}/ ) ]]; then
      echo "Keycloak cannot export: user $EUID may not write to $folder. Make the folder first and run the command as its" \
        "owner: mkdir -p export, then docker compose run --user \"\$(id -u):0\" (docs/guides/backup.md)." >&2
      exit 78
    fi
  done
  exec "${KEYCLOAK_HOME:-/opt/keycloak}/bin/kc.sh" "$1" --optimized "${@:2}"
fi

# A realm that exists is not imported again: its client gets the origins of this start once the server is ready. In a
# subshell, so that it is no child of the server, which does not wait for children.
("${BASH_SOURCE[0]%/*}/update-client.sh" $$ &)
exec "${KEYCLOAK_HOME:-/opt/keycloak}/bin/kc.sh" start --optimized --import-realm
