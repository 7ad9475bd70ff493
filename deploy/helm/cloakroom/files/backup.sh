#!/bin/bash
# Backs up Keycloak's database and all secrets into one file, encrypted for an X.509 certificate (CMS, AES-256-GCM).
set -euo pipefail
umask 027

backups=${BACKUP_FOLDER:-/backups}
secrets=${SECRETS_FOLDER:-/secrets}
certificate=${BACKUP_CERTIFICATE:-/run/backup-certificate.pem}
keep=${BACKUP_KEEP:-14}

fail() {
  echo "Backup failed: $1" >&2
  exit 78
}

[[ -s $certificate ]] || fail "certificate $certificate is missing or empty. Backups contain password hashes and signing keys and are always encrypted; see docs/guides/backup.md for how to create the certificate."
[[ $keep =~ ^[1-9][0-9]*$ ]] || fail "BACKUP_KEEP (number of backups to keep) must be an integer of at least 1."
[[ -s $secrets/postgres/password ]] || fail "$secrets/postgres/password is missing or empty. The service \"secrets\" creates it."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

printf '*:*:*:*:%s\n' "$(<"$secrets/postgres/password")" >"$work/pgpass"
chmod 600 "$work/pgpass"

# Sessions are excluded: restoring them would undo every logout since the backup.
PGPASSFILE=$work/pgpass pg_dump \
  --host="${PGHOST:-postgres}" --port="${PGPORT:-5432}" --username=keycloak --no-password --dbname=keycloak \
  --format=custom --no-owner --no-privileges \
  --exclude-table-data=offline_user_session --exclude-table-data=offline_client_session \
  --file="$work/keycloak.dump"
# Verifies the dump by reading all of it.
pg_restore --file=/dev/null "$work/keycloak.dump"

# Kubernetes mounts secret files as symbolic links into a hidden `..data` directory.
tar --create --dereference --exclude='..*' --numeric-owner --file="$work/backup.tar" \
  --directory="$work" keycloak.dump --directory="$secrets" gateway redis postgres keycloak

name=cloakroom-$(date -u +%Y%m%dT%H%M%SZ).tar.cms
openssl cms -encrypt -binary -aes-256-gcm -outform DER -in "$work/backup.tar" -out "$backups/$name.partial" "$certificate"
chmod 440 "$backups/$name.partial"
mv "$backups/$name.partial" "$backups/$name"

# Rotation: keeps the newest $keep backups. Names sort by time.
old=$(find "$backups" -maxdepth 1 -name 'cloakroom-*.tar.cms' | sort -r | tail -n "+$((keep + 1))")
[[ -z $old ]] || xargs -d '\n' rm -f <<<"$old"

echo "$name"
