#!/bin/sh
# Installs the Debian packages named, when this machine lacks them and we may; otherwise says so and fails.
set -eu
missing=
for package in "$@"; do
  case $package in
    postgresql) command -v pg_config >/dev/null && [ -x "$(pg_config --bindir)/initdb" ] || missing="$missing postgresql libpq-dev" ;;
    python3-venv) python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv" ;;
    nodejs) command -v node >/dev/null || missing="$missing nodejs" ;;
    *) command -v "$package" >/dev/null || missing="$missing $package" ;;
  esac
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Missing on this machine:$missing. Install it (Debian: apt-get install$missing) and start again." >&2
  exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
