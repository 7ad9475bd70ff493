#!/bin/bash
# One backup: Keycloak's database and every secret, in one file that only the holder of a private key can open.
set -euo pipefail
umask 027

backups=${BACKUP_FOLDER:-/backups}
secrets=${SECRETS_FOLDER:-/secrets}
certificate=${BACKUP_CERTIFICATE:-/run/backup-certificate.pem}
keep=${BACKUP_KEEP:-14}

fail() {
  echo "There is no backup: $1" >&2
  exit 78
}

[[ -s $certificate ]] || fail "$certificate is missing. Backups hold password hashes and signing keys, and are encrypted for the certificate in it; docs/guides/backup.md says how to make one."
[[ $keep =~ ^[1-9][0-9]*$ ]] || fail "BACKUP_KEEP must be a whole number from 1 on: how many backups are kept."
[[ -s $secrets/postgres/password ]] || fail "$secrets/postgres/password is missing or empty. The service \"secrets\" makes it."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

printf '*:*:*:*:%s\n' "$(<"$secrets/postgres/password")" >"$work/pgpass"
chmod 600 "$work/pgpass"

# Sessions stay out: whoever logged out after the backup would be logged in again by it.
PGPASSFILE=$work/pgpass pg_dump \
  --host="${PGHOST:-postgres}" --port="${PGPORT:-5432}" --username=keycloak --no-password --dbname=keycloak \
  --format=custom --no-owner --no-privileges \
  --exclude-table-data=offline_user_session --exclude-table-data=offline_client_session \
  --file="$work/keycloak.dump"
# Readable from end to end, or it is none.
pg_restore --file=/dev/null "$work/keycloak.dump"

# What Kubernetes mounts are links into a hidden folder beside them.
tar --create --dereference --exclude='..*' --numeric-owner --file="$work/backup.tar" \
  --directory="$work" keycloak.dump --directory="$secrets" gateway redis postgres keycloak

name=cloakroom-$(date -u +%Y%m%dT%H%M%SZ).tar.cms
openssl cms -encrypt -binary -aes-256-gcm -outform DER -in "$work/backup.tar" -out "$backups/$name.unfinished" "$certificate"
chmod 440 "$backups/$name.unfinished"
mv "$backups/$name.unfinished" "$backups/$name"

# Names sort by time.
old=$(find "$backups" -maxdepth 1 -name 'cloakroom-*.tar.cms' | sort -r | tail -n "+$((keep + 1))")
[[ -z $old ]] || xargs -d '\n' rm -f <<<"$old"

echo "$name"
