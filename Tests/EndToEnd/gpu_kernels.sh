#!/usr/bin/env bash
# Compiles every kernel for GPUs for all targets, executes every one without a GPU against the oracle, and a part of them
# again under AddressSanitizer and the race detector. Skipped, with the reason, where the compilers are not installed.
#
#     Tests/EndToEnd/gpu_kernels.sh SWIFTLET TOOLCHAIN
set -euo pipefail

swiftlet=$1 toolchain=$2
cd "$(dirname "$0")/../.."
if ! [ -x "$toolchain/bin/python" ]; then
  echo "gpu_kernels: SKIPPED: there is no $toolchain: make kernels-toolchain"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
options=(--kernels-toolchain "$toolchain")

step() {
  local start=$SECONDS name=$1
  shift
  if ! "$@" >"$work/log" 2>&1; then
    tail -60 "$work/log"
    echo "gpu_kernels: FAILED: $name"
    exit 1
  fi
  tail -1 "$work/log"
  echo "gpu_kernels: $name: $((SECONDS - start)) s"
}

step "compiled for sm_80 and sm_90a" "$swiftlet" kernels build --all --target sm_80,sm_90a --jobs 2 "${options[@]}"
step "the same again, from the cache" "$swiftlet" kernels build --all --target sm_80,sm_90a --jobs 2 "${options[@]}"
step "compiled for sm_100a" "$swiftlet" kernels build --all --target sm_100a --jobs 2 "${options[@]}"
step "executed" "$swiftlet" kernels check "${options[@]}" --markdown "$work/report.md"
cat "$work/report.md"
step "AddressSanitizer" "$swiftlet" kernels check --quick --language cuda --sanitize address "${options[@]}"
step "race detector" "$swiftlet" kernels check --quick --language cuda --sanitize races "${options[@]}"
echo "gpu_kernels: all passed"
