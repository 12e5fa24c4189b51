#!/usr/bin/env bash
# Makes the Debian package, installs it, starts the service as its unit says, uses it, stops it, and purges it: what is
# installed is gone then. Changes this machine, so it is for CI. Needs root; no systemd.
# Usage: deploy/debian/check.sh [OPTION OF cargo build]...
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "a package is installed by root" >&2; exit 1; }
[ ! -e /etc/bookstate ] || { echo "/etc/bookstate is there: this machine has bookstate already" >&2; exit 1; }
fail() { echo "$*" >&2; exit 1; }

deploy/debian/build.sh "$@"
package=$(ls target/debian/bookstate_*.deb)
unit=/usr/lib/systemd/system/bookstate.service
server=
credentials=$(mktemp -d)
cleanup() {
  if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi
  dpkg --purge bookstate >/dev/null 2>&1 || true
  rm -rf "$credentials"
}
trap cleanup EXIT
apt-get install -y -qq "./$package" >/dev/null

# What it brings.
for file in /usr/bin/bookstate "$unit" /usr/share/man/man1/bookstate.1.gz /usr/share/man/man1/bookstate-process.1.gz \
  /usr/share/zsh/vendor-completions/_bookstate /usr/share/fish/vendor_completions.d/bookstate.fish \
  /etc/bookstate/bookstate.toml /usr/share/doc/bookstate/copyright; do
  [ -e "$file" ] || dpkg --listfiles bookstate | grep -qx "$file" || fail "$file is not in the package"
done
bash -c 'source /usr/share/bash-completion/completions/bookstate && complete -p bookstate' >/dev/null
[ "$(stat -c '%a %U' /etc/bookstate/token)" = "600 root" ] || fail "the token is not root's alone"
getent passwd bookstate >/dev/null || fail "there is no user"
if command -v systemd-analyze >/dev/null; then systemd-analyze verify "$unit"; fi

# What systemd would do: directory, credential, environment, user, and the very line of the unit.
value() { sed -n "s/^$1=//p" "$unit"; }
install -d -o bookstate -g bookstate -m "$(value StateDirectoryMode)" /var/lib/bookstate
install -o bookstate -m 400 /etc/bookstate/token "$credentials/token"
chown bookstate "$credentials"
echo 'BOOKSTATE_SERVER_BIND=127.0.0.1:0' >/etc/bookstate/environment
mapfile -t variables < <(value Environment | sed "s|%d|$credentials|"; cat "$(value EnvironmentFile | sed 's/^-//')")
read -ra start <<<"$(value ExecStart)"
out=$credentials/out
(cd "$(value WorkingDirectory)" && umask "$(value UMask)" && exec setpriv --reuid "$(value User)" --regid "$(value Group)" \
  --init-groups --no-new-privs env -i PATH=/usr/bin:/bin "${variables[@]}" "${start[@]}" >"$out" 2>&1) &
server=$!
until url=$(sed -n 's/^listening on //p' "$out") && [ -n "$url" ]; do
  kill -0 "$server" 2>/dev/null || { cat "$out" >&2; fail "the service does not start"; }
  sleep 0.05
done

# As others use it.
[ "$(curl -s -o /dev/null -w '%{http_code}' "$url/api/books")" = 401 ] || fail "it answers without a token"
export BOOKSTATE_TOKEN; BOOKSTATE_TOKEN=$(cat /etc/bookstate/token)
(cd "$credentials" && bookstate --server "$url" process /usr/share/doc/bookstate/handbook.pdf --json) | grep -q '"status":"complete"' \
  || fail "the book is not complete"
[ "$(stat -c '%a %U' /var/lib/bookstate/books.sqlite)" = "600 bookstate" ] || fail "the books are not the service's alone"
kill -TERM "$server"
wait "$server" || fail "it does not end well"
server=

dpkg --purge bookstate >/dev/null
for file in /usr/bin/bookstate "$unit" /etc/bookstate /var/lib/bookstate; do
  [ ! -e "$file" ] || fail "$file is left behind"
done
! getent passwd bookstate >/dev/null || fail "the user is left behind"
echo "installed, started, used, stopped, purged: $(stat -c %s "$package") bytes"
