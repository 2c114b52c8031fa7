#!/usr/bin/env bash
# Checks that code for one instruction set cannot take the place of code for every processor.
#
# The compiler emits specialisations of standard-library generics as weak symbols, under the same name in every module,
# and the linker keeps one of them. If the one it keeps was compiled for AVX-512, the baseline path runs AVX-512
# instructions, and dies on an older processor. So no weak function of the targets below may use registers that the
# baseline lacks, unless its name contains the target's own module name: then no other module defines it.
#
#   Scripts/check-isa.sh [BUILD-FOLDER...]     default: all of .build/*/debug and .build/*/release that exist
set -euo pipefail
cd "$(dirname "$0")/.."

targets="KernelsAVX2 KernelsAVX512"
# ymm, zmm, the upper sixteen xmm and the mask registers.
registers='%[yz]mm[0-9]|%xmm(1[6-9]|2[0-9]|3[01])|%k[0-7]'

case "$(uname -m)" in
  x86_64) ;;
  *) echo "isa: skipped: these targets have x86 instructions only, this is $(uname -m)"; exit 0 ;;
esac

tool() {  # the first of the given programs that exists
  local name
  for name in "$@"; do command -v "$name" && return; done
  echo "isa: error: none of $* found (Debian: apt-get install binutils)" >&2
  exit 1
}
nm=$(tool nm llvm-nm)
objdump=$(tool objdump llvm-objdump)

if [ $# -gt 0 ]; then
  builds=("$@")
else
  shopt -s nullglob
  builds=(.build/*/debug .build/*/release)
  shopt -u nullglob
fi

# Prints the weak functions of object $1 that use the registers, but not those of module $2.
weak_wide_functions() {
  local own="${#2}$2"
  "$nm" --defined-only "$1" | awk -v own="$own" '$2 ~ /^[WVu]$/ && index($3, own) == 0 { print $3 }' | sort -u >"$work/weak"
  [ -s "$work/weak" ] || return 0
  "$objdump" -d --no-show-raw-insn "$1" | awk -v registers="$registers" '
    /^[0-9a-f]+ <.*>:$/ { name = $2; sub(/^</, "", name); sub(/>:$/, "", name); next }
    $0 ~ registers { print name }' | sort -u >"$work/wide"
  comm -12 "$work/weak" "$work/wide"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checked=0 bad=0
for build in "${builds[@]}"; do
  for target in $targets; do
    [ -d "$build/$target.build" ] || continue
    while IFS= read -r -d '' object; do
      checked=$((checked + 1))
      while IFS= read -r symbol; do
        [ -n "$symbol" ] || continue
        bad=$((bad + 1))
        echo "$object: weak function $symbol uses wide registers; the linker may take it for every module's"
      done < <(weak_wide_functions "$object" "$target")
    done < <(find "$build/$target.build" -name '*.o' -print0)
  done
done

if [ "$checked" -eq 0 ]; then
  echo "isa: error: no object files of $targets in ${builds[*]:-.build}: build first" >&2
  exit 1
fi
if [ "$bad" -gt 0 ]; then
  echo "isa: $bad findings in $checked object files. Replace the generic call in the kernel by pointers and SIMD types."
  exit 1
fi
echo "isa: $checked object files, all right"
