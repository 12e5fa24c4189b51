#!/usr/bin/env bash
# Checks that the OpenAPI document is valid, makes a Python client of it, and takes a book through with that client:
# upload, wait, read, export. Needs python3 and PyPI.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=$PWD/target/api-client
if [ ! -x "$venv/bin/openapi-python-client" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet openapi-spec-validator==0.9.0 openapi-python-client==0.29.1
fi
document=crates/bookstate-api/openapi.json
"$venv/bin/openapi-spec-validator" "$document"
program=${BOOKSTATE_TEST_PROGRAM:-}
if [ -z "$program" ]; then
  cargo build --locked --quiet -p bookstate-cli
  program=target/debug/bookstate
fi
work=$(mktemp -d)
server=
cleanup() {
  if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

"$venv/bin/openapi-python-client" generate --path "$document" --output-path "$work/client" >"$work/made" 2>&1 \
  || { cat "$work/made"; exit 1; }
"$program" --data-dir "$work/data" serve --bind 127.0.0.1:0 >"$work/out" 2>"$work/log" &
server=$!
until url=$(sed -n 's/^listening on //p' "$work/out") && [ -n "$url" ]; do
  kill -0 "$server" || { cat "$work/log"; exit 1; }
  sleep 0.05
done
PYTHONPATH="$work/client" "$venv/bin/python" tests/api/client.py "$url" docs/handbook.pdf
kill -TERM "$server"
wait "$server"
server=
