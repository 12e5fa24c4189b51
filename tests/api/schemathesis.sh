#!/usr/bin/env bash
# Tests a running server with what schemathesis makes of its OpenAPI document: no 5xx, and no answer that the
# document does not describe. Bounded cases from a fixed seed. Needs python3 and PyPI.
# Usage: tests/api/schemathesis.sh [CASES_PER_OPERATION]
set -euo pipefail
cd "$(dirname "$0")/../.."
cases=${1:-25}
venv=$PWD/target/schemathesis
if [ ! -x "$venv/bin/st" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet schemathesis==4.32.5
fi
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

mkdir "$work/books"
cp docs/handbook.pdf "$work/books/"
BOOKSTATE_SERVER_INGEST_ROOTS="$work/books" "$program" --data-dir "$work/data" --log-format json -v \
  serve --bind 127.0.0.1:0 --target "mirror=sqlite:$work/mirror.sqlite" >"$work/out" 2>"$work/log" &
server=$!
for _ in $(seq 200); do [ -s "$work/out" ] && break; sleep 0.05; done
url=$(sed -n 's/^listening on //p' "$work/out")
curl -sSf -F "file=@docs/handbook.pdf" "$url/api/books/upload" >"$work/book"
book=$(sed -n 's/.*"book_id":"\([^"]*\)".*/\1/p' "$work/book")

# Ids that exist are not found by chance: a second run is given them.
cat >"$work/known.toml" <<TOML
[parameters]
"path.book_id" = "$book"
"path.id" = "$book~job-1"
"path.page_num" = 3
"path.name" = "mirror"
TOML
touch "$work/any.toml"
status=0
for config in any known; do
  echo "== schemathesis, $config ids"
  # The known book is to stay known.
  without=()
  [ "$config" = any ] || without=(--exclude-operation-id remove_book)
  # Event streams do not end, so they have tests of their own.
  # It leaves files where it runs.
  (cd "$work" && "$venv/bin/st" --config-file "$config.toml" run "$url/openapi.json" \
    --exclude-path "/api/books/{book_id}/events" "${without[@]}" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,allow_header_conformance \
    --phases examples,coverage,fuzzing --max-examples "$cases" --seed 5 \
    --request-timeout 30 --continue-on-failure --warnings off --no-color) \
    || status=1
done
if grep -q '"level":"ERROR"' "$work/log"; then
  echo "the server logged errors:"
  grep '"level":"ERROR"' "$work/log" | sort | uniq -c | head
  status=1
fi
kill -TERM "$server"
wait "$server" || status=1
server=
exit $status
