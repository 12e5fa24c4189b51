#!/usr/bin/env bash
# Builds the image of deploy/Containerfile and has it process a book, with podman or docker. Where neither works, the
# steps of the file are run on this machine instead: its build, its copies, its variables, its user, its program.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
server=
tool=
cleanup() {
  if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi
  if [ -n "$tool" ]; then "$tool" rm -f bookstate-check >/dev/null 2>&1 || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "$*" >&2; exit 1; }
token=$(head -c 32 /dev/urandom | base64)

for candidate in podman docker; do
  if "$candidate" info >/dev/null 2>&1; then tool=$candidate; break; fi
done
if [ -n "$tool" ]; then
  "$tool" build -f deploy/Containerfile -t bookstate-check .
  (umask 077 && echo "$token" >"$work/token")
  chown 65532 "$work/token"
  chmod 755 "$work"
  "$tool" run -d --name bookstate-check --read-only --cap-drop=all --security-opt=no-new-privileges \
    -v "$work/token:/run/secrets/bookstate-token:ro" -p 127.0.0.1::7070 bookstate-check
  url=http://$("$tool" port bookstate-check 7070 | head -1)
else
  echo "no container tool works here: the steps of the file are run"
  # One instruction a line.
  sed -e :a -e '/\\$/N; s/\\\n/ /; ta' -e '/^#/d; /^$/d' deploy/Containerfile >"$work/steps"
  image=$work/image
  variables=()
  stage=0
  while read -r instruction rest; do
    case "$stage $instruction" in
      *FROM) stage=$((stage + 1));;
      "1 RUN")
        # What it installs is here, or nothing could be built.
        case $rest in *"cargo build"*) (eval "${rest%%&& mkdir*}");; esac;;
      "2 COPY")
        words=()
        for word in $rest; do case $word in --from=*|--chown=*|--chmod=*) ;; *) words+=("$word");; esac; done
        case ${words[0]} in
          /source/*) install -D "${words[0]#/source/}" "$image${words[1]}";;
          /image) mkdir -m 700 "$image/data";;
        esac;;
      "2 USER") user=$rest;;
      "2 ENV") for pair in $rest; do variables+=("$pair"); done;;
      "2 ENTRYPOINT"|"2 CMD") for word in $(tr -d '[],"' <<<"$rest"); do start+=("$word"); done;;
    esac
  done <"$work/steps"
  # The base image has these libraries and no others.
  needed=$(readelf -d "$image${start[0]}" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  for library in $needed; do
    case $library in libc.so.6|libm.so.6|libgcc_s.so.1|libpthread.so.0|libdl.so.2|ld-linux*) ;;
      *) fail "the image has no $library";;
    esac
  done
  (umask 077 && echo "$token" >"$work/token")
  chmod 755 "$work"
  chown -R "$user" "$image/data" "$work/token"
  for at in "${!variables[@]}"; do
    variables[at]=${variables[at]/=\/data/=$image\/data}
    variables[at]=${variables[at]/=\/run\/secrets\/bookstate-token/=$work\/token}
    variables[at]=${variables[at]/0.0.0.0:7070/0.0.0.0:0}
  done
  : >"$work/out"
  (cd / && exec setpriv --reuid "${user%%:*}" --regid "${user##*:}" --clear-groups --no-new-privs \
    env -i "${variables[@]}" "$image${start[0]}" "${start[@]:1}" >"$work/out" 2>&1) &
  server=$!
  until url=$(sed -n 's/^listening on //p' "$work/out") && [ -n "$url" ]; do
    kill -0 "$server" 2>/dev/null || { cat "$work/out" >&2; fail "the program does not start"; }
    sleep 0.05
  done
  url=${url/0.0.0.0/127.0.0.1}
fi

until curl -sf -o /dev/null "$url/api/ready"; do sleep 0.1; done
[ "$(curl -s -o /dev/null -w '%{http_code}' "$url/api/books")" = 401 ] || fail "it answers without a token"
export BOOKSTATE_TOKEN=$token
target/release/bookstate --data-dir "$work/none" --server "$url" process docs/handbook.pdf --json \
  | grep -q '"status":"complete"' || fail "the book is not complete"
if [ -n "$server" ]; then
  kill -TERM "$server"
  wait "$server" || fail "it does not end well"
  server=
else
  mode=$("$tool" cp bookstate-check:/data - | tar -tvf - | sed -n 1p)
  [[ $mode == drwx------* ]] || fail "others can get at the data directory: $mode"
  "$tool" stop bookstate-check >/dev/null
  [ "$("$tool" inspect -f '{{.State.ExitCode}}' bookstate-check)" = 0 ] || fail "it does not end well"
fi
echo "the image's program processes a book"
