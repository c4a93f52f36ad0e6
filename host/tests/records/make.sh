#!/usr/bin/env bash
# How the record of a schema is made: by a program of that schema, of a few events of two accounts, of which one
# is erased. One that is there is never made again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../../.. && pwd)
out=${1:?usage: PICKET=PROGRAM [PICKET_DATABASE_URL=postgres://...] make.sh FOLDER}
picket=${PICKET:-$root/target/release/picket}
place=$(mktemp -d)
trap 'kill $server 2>/dev/null || true; rm -r "$place"' EXIT

export PICKET_DATA_DIR=$place/data PICKET_DETECTORS_DIR=$place/detectors PICKET_POLICIES_DIR=$place/policies
export PICKET_BUNDLED=false PICKET_LISTEN=127.0.0.1:8478 PICKET_SERVER=http://127.0.0.1:8478
mkdir -p "$PICKET_DATA_DIR" "$PICKET_DETECTORS_DIR" "$PICKET_POLICIES_DIR" "$out"
cp "$root"/host/tests/compiled/1.0.0/*.wasm "$PICKET_DETECTORS_DIR"
echo 'word = "gift card"' > "$PICKET_DETECTORS_DIR/witness-rust.toml"
cp ../capsules/policy.toml "$PICKET_POLICIES_DIR/witness.toml"
# Both databases of a schema are read with one key.
[ ! -e "$out/host.key" ] || install -m 600 "$out/host.key" "$PICKET_DATA_DIR/host.key"
PICKET_KEY=$("$picket" key create --role admin --name make)
export PICKET_KEY
"$picket" serve & server=$!
until curl --silent --fail --output /dev/null "$PICKET_SERVER/health/ready"; do sleep 0.2; done
# What is new in the folder is compiled after it is ready.
until [ "$("$picket" detector list | grep -c active)" = 2 ]; do sleep 0.2; done
send() { # METHOD PATH CONTENT-TYPE, and the body from its input
    curl --silent --show-error --fail-with-body --output /dev/null --request "$1" "$PICKET_SERVER$2" \
        --header "Authorization: Bearer $PICKET_KEY" --header "Content-Type: $3" --data @-
}
echo '{"mode": "active", "why": "a record"}' | send PUT /v1/sources/witness/mode application/json
for number in 1 2 3 4; do
    subject=$([ $number = 4 ] && echo erased || echo kept)
    sed "s/\"id\": \"[^\"]*\"/\"id\": \"e-$number\"/; s/\"subject\": \"[^\"]*\"/\"subject\": \"$subject\"/" \
        ../capsules/event.json | send POST /v1/events application/cloudevents+json
done
echo '{"why": "a record"}' | send POST /v1/subjects/witness/erased/erase application/json
# Signed by that program, so what comes later has to continue it.
curl --silent --fail "$PICKET_SERVER/v1/audit/checkpoint" --header "Authorization: Bearer $PICKET_KEY" > "$place/signed"
kill $server
wait $server || true
cp "$PICKET_DATA_DIR/host.key" "$out/host.key"
if [ -n "${PICKET_DATABASE_URL:-}" ]; then
    cp "$place/signed" "$out/postgres.checkpoint"
    # Lines for the dump's own reader, which earlier releases of it do not know.
    pg_dump --no-owner --no-privileges --inserts "$PICKET_DATABASE_URL" | grep -v '^\\' > "$out/postgres.sql"
else
    cp "$place/signed" "$out/sqlite.checkpoint"
    cp "$PICKET_DATA_DIR/picket.db" "$out/picket.db"
fi
