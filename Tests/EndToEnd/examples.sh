#!/usr/bin/env bash
# Runs every example and compares what it prints with its expected.txt.
#
#   Tests/EndToEnd/examples.sh [SWIFTLET]          the program; default .build/debug/swiftlet
set -uo pipefail
cd "$(dirname "$0")/../.."
swiftlet=${1:-.build/debug/swiftlet}

if ! command -v clang++ >/dev/null && ! command -v g++ >/dev/null; then
  echo "examples: SKIPPED: they need clang++ or g++"
  exit 0
fi
if ! "$swiftlet" kernels list >/dev/null 2>&1; then
  echo "examples: SKIPPED: they need the default model ($("$swiftlet" kernels list 2>&1 >/dev/null | head -n 1))"
  exit 0
fi
failed=0
for expected in Examples/*/expected.txt; do
  folder=$(dirname "$expected")
  if found=$(timeout 300 "$folder/run.sh" "$swiftlet" 2>&1) && diff <(echo "$found") "$expected" >/dev/null; then
    echo "examples: $folder ok"
  else
    echo "examples: FAILED: $folder printed (>) instead of (<)" >&2
    diff "$expected" <(echo "$found") >&2
    failed=1
  fi
done
exit $failed
