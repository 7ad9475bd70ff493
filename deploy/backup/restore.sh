#!/bin/bash
# Restores a backup into an empty system: first `secrets`, before anything else has started, then `database`.
set -euo pipefail
umask 077

backups=${BACKUP_FOLDER:-/backups}
secrets=${SECRETS_FOLDER:-/secrets}
key=${BACKUP_KEY:-/run/backup-key.pem}

fail() {
  echo "Nothing was restored: $1" >&2
  exit 78
}

what=${1:-}
name=${2:-}
[[ $what == secrets || $what == database ]] && [[ -n $name && $name != */* ]] ||
  fail "say what and from which backup: restore secrets NAME, then restore database NAME. There are: $(cd "$backups" && echo cloakroom-*.tar.cms)"
[[ -s $backups/$name ]] || fail "there is no backup $name. There are: $(cd "$backups" && echo cloakroom-*.tar.cms)"
[[ -s $key ]] || fail "$key is missing: mount the private key that belongs to the backup's certificate."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The key first, on its own: a passphrase that is missing or wrong says nothing about the backup.
unlock_key() {
  if ! grep -q ENCRYPTED "$key"; then
    openssl pkey -in "$key" -out "$work/key.pem" || fail "$key holds no private key in PEM."
  elif [[ -n ${BACKUP_KEY_PASSPHRASE:-} ]]; then
    openssl pkey -in "$key" -passin env:BACKUP_KEY_PASSPHRASE -out "$work/key.pem" ||
      fail "BACKUP_KEY_PASSPHRASE does not open the private key."
  elif (: </dev/tty) 2>/dev/null; then
    openssl pkey -in "$key" -out "$work/key.pem" || fail "this passphrase does not open the private key."
  else
    fail "the private key has a passphrase and there is no terminal to ask for it. Run it in a terminal (without -T), or export BACKUP_KEY_PASSPHRASE and add -e BACKUP_KEY_PASSPHRASE to docker compose run."
  fi
}

unlock_key
openssl cms -decrypt -binary -inform DER -in "$backups/$name" -inkey "$work/key.pem" -out "$work/backup.tar" ||
  fail "the key does not open this backup, or the backup was changed."

restore_secrets() {
  local found
  found=$(find "$secrets" -mindepth 2 -type f)
  [[ -z $found ]] || fail "there are secrets already: restore into an empty system (docker compose down --volumes deletes this one)."
  # With owners and modes: each file is its reader's.
  tar --extract --preserve-permissions --numeric-owner --file="$work/backup.tar" --directory="$secrets" gateway redis postgres keycloak
  echo "The secrets are restored. Start PostgreSQL and restore the database."
}

restore_database() {
  printf '*:*:*:*:%s\n' "$(<"$secrets/postgres/password")" >"$work/pgpass"
  export PGPASSFILE=$work/pgpass PGHOST=${PGHOST:-postgres} PGPORT=${PGPORT:-5432} PGUSER=keycloak PGDATABASE=keycloak
  local tables
  tables=$(psql --no-password --no-psqlrc --tuples-only --no-align \
    --command="select count(*) from information_schema.tables where table_schema = 'public'")
  [[ $tables == 0 ]] || fail "the database is not empty: restore before Keycloak has started for the first time."
  tar --extract --file="$work/backup.tar" --directory="$work" keycloak.dump
  # All or nothing.
  pg_restore --no-password --exit-on-error --single-transaction --no-owner --no-privileges --dbname=keycloak "$work/keycloak.dump"
  echo "The database is restored. Start the rest: docker compose up"
}

"restore_$what"
