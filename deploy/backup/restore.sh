#!/bin/bash
# Restores a backup into an empty system in two steps: `secrets` before any service has started, then `database`.
set -euo pipefail
umask 077

backups=${BACKUP_FOLDER:-/backups}
secrets=${SECRETS_FOLDER:-/secrets}
key=${BACKUP_KEY:-/run/backup-key.pem}

fail() {
  echo "Restore failed, nothing was changed: $1" >&2
  exit 78
}

what=${1:-}
name=${2:-}
[[ $what == secrets || $what == database ]] && [[ -n $name && $name != */* ]] ||
  fail "usage: restore secrets NAME, then restore database NAME. Available backups: $(cd "$backups" && echo cloakroom-*.tar.cms)"
[[ -s $backups/$name ]] || fail "backup $name does not exist. Available backups: $(cd "$backups" && echo cloakroom-*.tar.cms)"
[[ -s $key ]] || fail "private key $key is missing or empty. Mount the private key of the backup certificate."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Decrypts the private key before the backup, so that a wrong passphrase and a wrong key have different messages.
unlock_key() {
  if ! grep -q ENCRYPTED "$key"; then
    openssl pkey -in "$key" -out "$work/key.pem" || fail "$key contains no PEM private key."
  elif [[ -n ${BACKUP_KEY_PASSPHRASE:-} ]]; then
    openssl pkey -in "$key" -passin env:BACKUP_KEY_PASSPHRASE -out "$work/key.pem" ||
      fail "BACKUP_KEY_PASSPHRASE does not decrypt the private key."
  elif (: </dev/tty) 2>/dev/null; then
    openssl pkey -in "$key" -out "$work/key.pem" || fail "the passphrase does not decrypt the private key."
  else
    fail "the private key is encrypted and there is no terminal to prompt for the passphrase. Run in a terminal (without -T), or export BACKUP_KEY_PASSPHRASE and add -e BACKUP_KEY_PASSPHRASE to docker compose run."
  fi
}

unlock_key
openssl cms -decrypt -binary -inform DER -in "$backups/$name" -inkey "$work/key.pem" -out "$work/backup.tar" ||
  fail "the private key does not decrypt this backup, or the backup is corrupted."

restore_secrets() {
  local found
  found=$(find "$secrets" -mindepth 2 -type f)
  [[ -z $found ]] || fail "secrets already exist. Restore into an empty system (docker compose down --volumes deletes this one)."
  # Restores owners and modes: each secret is readable by one service only.
  tar --extract --preserve-permissions --numeric-owner --file="$work/backup.tar" --directory="$secrets" gateway redis postgres keycloak
  echo "Secrets restored. Next: start PostgreSQL and restore the database."
}

restore_database() {
  printf '*:*:*:*:%s\n' "$(<"$secrets/postgres/password")" >"$work/pgpass"
  export PGPASSFILE=$work/pgpass PGHOST=${PGHOST:-postgres} PGPORT=${PGPORT:-5432} PGUSER=keycloak PGDATABASE=keycloak
  local tables
  tables=$(psql --no-password --no-psqlrc --tuples-only --no-align \
    --command="select count(*) from information_schema.tables where table_schema = 'public'")
  [[ $tables == 0 ]] || fail "the database is not empty. Restore it before Keycloak's first start."
  tar --extract --file="$work/backup.tar" --directory="$work" keycloak.dump
  # One transaction: a failed restore leaves the database empty.
  pg_restore --no-password --exit-on-error --single-transaction --no-owner --no-privileges --dbname=keycloak "$work/keycloak.dump"
  echo "Database restored. Next: start the remaining services with docker compose up"
}

"restore_$what"
