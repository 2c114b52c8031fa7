#!/usr/bin/env bash
# Says what is missing on this machine, and how to get it. Arguments: swift, python, pip (default: all three).
set -uo pipefail

missing=0
lack() { echo "error: $*" >&2; missing=1; }

check_swift() {
  local version major minor
  if ! command -v swift >/dev/null; then
    lack "swift is not on the PATH. Swiftlet needs Swift 6.2 or newer: https://www.swift.org/install/linux/"
    return
  fi
  version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -n 1)
  major=${version%%.*} minor=${version#*.}
  if [ -z "$version" ]; then
    lack "'swift --version' does not say which version it is; is $(command -v swift) the Swift compiler?"
  elif [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 2 ]; }; then
    lack "Swift is $version; Swiftlet needs 6.2 or newer: https://www.swift.org/install/linux/"
  fi
}

check_python() {
  if ! command -v python3 >/dev/null; then
    lack "python3 is not on the PATH (Debian, Ubuntu: apt-get install python3; Fedora: dnf install python3)"
  elif ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
    lack "$(python3 --version) is too old: 3.9 or newer is needed"
  fi
}

check_pip() {
  command -v python3 >/dev/null || return 0 # check_python says it
  python3 -m pip --version >/dev/null 2>&1 \
    || lack "python3 has no pip, which fetches the model (Debian, Ubuntu: apt-get install python3-pip; Fedora: dnf install python3-pip)"
}

for what in "${@:-swift python pip}"; do
  for one in $what; do
    case "$one" in
      swift | python | pip) "check_$one" ;;
      *) echo "usage: $0 [swift] [python] [pip]" >&2; exit 2 ;;
    esac
  done
done
exit "$missing"
