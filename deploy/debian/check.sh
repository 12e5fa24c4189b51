#!/usr/bin/env bash
# Makes the Debian package, installs it, starts the service as its unit says, uses it, through a proxy with TLS too, stops
# it, and purges it: what is installed is gone then. Changes this machine, so it is for CI. Needs root, python3 and
# openssl; no systemd.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "a package is installed by root" >&2; exit 1; }
[ ! -e /etc/bookstate ] || { echo "/etc/bookstate is there: this machine has bookstate already" >&2; exit 1; }
fail() { echo "$*" >&2; exit 1; }

deploy/debian/build.sh
package=$(ls target/debian/bookstate_*.deb)
handbook=$PWD/docs/handbook.pdf
unit=/usr/lib/systemd/system/bookstate.service
server=
proxy=
credentials=$(mktemp -d)
cleanup() {
  for process in $server $proxy; do kill -KILL "$process" 2>/dev/null || true; done
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
: >"$out"
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
(cd "$credentials" && bookstate --server "$url" process "$handbook" --json) | grep -q '"status":"complete"' \
  || fail "the book is not complete"
[ "$(stat -c '%a %U' /var/lib/bookstate/books.sqlite)" = "600 bookstate" ] || fail "the books are not the service's alone"

# Through a proxy with TLS, whose certificate is of an authority that only `--ca-file` names.
(
  cd "$credentials"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout leaf.key -out leaf.csr
  printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n' >leaf.ext
  openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext -out leaf.pem
) >/dev/null 2>&1
python3 - "${url##*:}" "$credentials" >"$credentials/port" <<'PROXY' &
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{sys.argv[2]}/leaf.pem", f"{sys.argv[2]}/leaf.key")
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)

def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass

def serve(client):
    try:
        client = context.wrap_socket(client, server_side=True)
    except OSError:
        return
    server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    pump(server, client)

while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PROXY
proxy=$!
until port=$(cat "$credentials/port") && [ -n "$port" ]; do kill -0 "$proxy"; sleep 0.05; done
secure=(bookstate --data-dir "$credentials/none" --server "https://127.0.0.1:$port")
"${secure[@]}" --ca-file "$credentials/ca.pem" books --json | grep -q '"total":1' || fail "no book comes over TLS"
"${secure[@]}" books 2>/dev/null && fail "a certificate of nobody is trusted"
kill "$proxy" && proxy=

kill -TERM "$server"
wait "$server" || fail "it does not end well"
server=

dpkg --purge bookstate >/dev/null
for file in /usr/bin/bookstate "$unit" /etc/bookstate /var/lib/bookstate; do
  [ ! -e "$file" ] || fail "$file is left behind"
done
! getent passwd bookstate >/dev/null || fail "the user is left behind"
echo "installed, started, used, stopped, purged: $(stat -c %s "$package") bytes"
