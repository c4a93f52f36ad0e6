#!/usr/bin/env bash
# How the capsule of a release is made: by the program of that release, of one event that has a value of
# every kind in it. One that is there is never made again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../../.. && pwd)
out=${1:?usage: make.sh FILE.capsule}
picket=${PICKET:-$root/target/release/picket}
place=$(mktemp -d)
trap 'kill $server 2>/dev/null || true; rm -r "$place"' EXIT

export PICKET_DATA_DIR=$place/data PICKET_DETECTORS_DIR=$place/detectors PICKET_POLICIES_DIR=$place/policies
export PICKET_BUNDLED=false PICKET_LISTEN=127.0.0.1:8477 PICKET_SERVER=http://127.0.0.1:8477
mkdir -p "$PICKET_DETECTORS_DIR" "$PICKET_POLICIES_DIR"
cp "$root"/host/tests/compiled/1.0.0/*.wasm "$PICKET_DETECTORS_DIR"
echo 'word = "gift card"' > "$PICKET_DETECTORS_DIR/witness-rust.toml"
cp policy.toml "$PICKET_POLICIES_DIR/witness.toml"
PICKET_KEY=$("$picket" key create --role admin --name make)
export PICKET_KEY
"$picket" serve & server=$!
until curl --silent --fail --output /dev/null "$PICKET_SERVER/health/ready"; do sleep 0.2; done
# What is new in the folder is compiled after it is ready.
until [ "$("$picket" detector list | grep -c active)" = 2 ]; do sleep 0.2; done
"$picket" source mode witness active --why 'a capsule' --yes
id=$(curl --silent --fail-with-body "$PICKET_SERVER/v1/events" --header "Authorization: Bearer $PICKET_KEY" \
    --header 'Content-Type: application/cloudevents+json' --data @event.json | sed 's/^{"id":"\([^"]*\)".*/\1/')
"$picket" decision export "$id" --out "$out"
"$picket" replay "$out"
