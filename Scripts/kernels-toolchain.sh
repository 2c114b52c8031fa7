#!/usr/bin/env bash
# Installs what Scripts/kernels-toolchain.txt pins into a folder (default: .venv-kernels), unless it is there. Exits with 3 when it
# cannot be fetched, so that a caller may go on without it.
set -uo pipefail

list="$(dirname "$0")/kernels-toolchain.txt"
folder="${1:-.venv-kernels}"
pinned() { sed -E 's/[[:space:]]*#.*//; /^$/d' "$list"; }

# What of the list is not installed in this version, one a line.
missing() {
  local package name version
  pinned | while IFS= read -r package; do
    name=${package%%==*} version=${package##*==}
    compgen -G "$folder/lib/python3*/site-packages/${name//-/_}-$version.dist-info" >/dev/null || echo "$package"
  done
}

if [ -x "$folder/bin/python" ] && [ -z "$(missing)" ]; then
  echo "kernels-toolchain: $folder has everything"
  exit 0
fi
if ! command -v python3 >/dev/null; then
  echo "error: python3 is not on the PATH; the kernels toolchain is made of Python packages" >&2
  exit 3
fi
if [ ! -x "$folder/bin/python" ] && ! python3 -m venv "$folder" 2>/dev/null; then
  echo "error: python3 cannot make a virtual environment (Debian, Ubuntu: apt-get install python3-venv)" >&2
  exit 3
fi
echo "kernels-toolchain: installing $(missing | wc -l) packages into $folder"
if ! missing | "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement /dev/stdin; then
  echo "error: the packages of $list could not be fetched; without them kernels for GPUs are neither built nor executed here" >&2
  exit 3
fi
# Half of the compiler library: variants of the same.
rm -f "$folder"/lib/python3*/site-packages/nvidia/cu13/lib/*.alt.so*
if [ -n "$(missing)" ]; then
  echo "error: still missing in $folder: $(missing | tr '\n' ' ')" >&2
  exit 3
fi
echo "kernels-toolchain: $folder is ready"
