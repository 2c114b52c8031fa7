#!/usr/bin/env bash
# Checks and measures all kernels for GPUs on this machine's GPU: results right, memory clean, times beside what the device can
# do. Takes a few minutes. Needs `swiftlet` (any build, a statically linked one too) and either the compilers or the artifacts:
#
#     Scripts/gpu-check.sh [--swiftlet PATH] [--artifacts DIR] [--out DIR] [--device N]
#
# Writes to --out (default Benchmarks/results): <date>-gpu.json, <date>-gpu-check.json, <date>-gpu.svg, <date>-gpu.txt.
# Exit status: 0 all right; 1 something was wrong; 3 there is no GPU.
set -uo pipefail

swiftlet=.build/release/swiftlet artifacts="" out=Benchmarks/results device=0
while [ $# -gt 0 ]; do
  case "$1" in
    --swiftlet) swiftlet=$2 ;;
    --artifacts) artifacts=$2 ;;
    --out) out=$2 ;;
    --device) device=$2 ;;
    *)
      echo "error: unknown option $1" >&2
      exit 2
      ;;
  esac
  shift 2
done
name="$out/$(date +%Y-%m-%d)-gpu"
options=()
if [ -n "$artifacts" ]; then options+=(--artifacts "$artifacts"); fi
status=0
failed() {
  echo "gpu-check: FAILED: $1"
  status=1
}

if ! [ -x "$swiftlet" ]; then
  echo "error: there is no $swiftlet: build it (swift build -c release), or give --swiftlet PATH" >&2
  exit 2
fi
mkdir -p "$out"
echo "gpu-check: device"
reason=$("$swiftlet" bench gpu --device "$device" --describe 2>&1) || {
  echo "gpu-check: SKIPPED: $reason"
  exit 3
}
echo "$reason"
commit=$(git rev-parse --short HEAD 2>/dev/null || cat COMMIT 2>/dev/null || echo unknown)

echo "gpu-check: results against the oracle"
"$swiftlet" kernels check --device "cuda:$device" ${options[@]+"${options[@]}"} --report "$name-check.json" || failed "kernels check"

# NVIDIA's sanitizer, where the CUDA toolkit is: a few definitions, since it is slow.
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    echo "gpu-check: compute-sanitizer $tool"
    compute-sanitizer --tool "$tool" --error-exitcode 1 "$swiftlet" kernels check --device "cuda:$device" --quick \
      --language cuda ${options[@]+"${options[@]}"} | tail -5 || failed "compute-sanitizer $tool"
  done
else
  echo "gpu-check: SKIPPED: compute-sanitizer is not in PATH"
fi

echo "gpu-check: times"
"$swiftlet" bench gpu --device "$device" ${options[@]+"${options[@]}"} --json "$name.json" --svg "$name.svg" --commit "$commit" \
  | tee "$name.txt" || failed "bench gpu"

if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  echo "gpu-check: PyTorch at the same sizes"
  python3 "$(dirname "$0")/gpu_peers.py" "$name.json" --out "$name-peers.json" || failed "gpu_peers.py"
else
  echo "gpu-check: SKIPPED: PyTorch with CUDA is not installed"
fi
exit $status
