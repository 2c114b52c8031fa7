#!/usr/bin/env bash
# Gives what swiftlet writes to FlashInfer-Bench, and its kernels too. Not part of `make test`: needs Python packages.
#
#   Tests/Interchange/run.sh [FOLDER] [SWIFTLET]    a further trace set to check; a program to compare figures with
#
# SWIFTLET_TEST_VENV_FIB      virtual environment, made when absent (default .venv-interchange)
# SWIFTLET_TEST_FIB_SOURCE    a checkout of FlashInfer-Bench, tested instead of release 0.1.2; it has scores and rankings,
#                             which the release has not (kept figures: commit 40e6ca78)
# INTERCHANGE_UPDATE=1        writes the kept figures anew
#
# Needs no GPU. When something it needs cannot be installed, it says what, and exits with 0.
set -uo pipefail
cd "$(dirname "$0")/../.."

say() { echo "interchange: $*"; }
skip() { say "SKIPPED: $*"; exit 0; }
fail() { say "FAILED: $*" >&2; exit 1; }

venv=${SWIFTLET_TEST_VENV_FIB:-.venv-interchange}
source_folder=${SWIFTLET_TEST_FIB_SOURCE:-}
sets=${1:-} binary=${2:-}
[ -z "$sets" ] || [ -d "$sets" ] || fail "$sets is no folder"
[ -z "$binary" ] || [ -x "$binary" ] || fail "$binary is no program"
[ -z "$source_folder" ] || [ -d "$source_folder/flashinfer_bench" ] || fail "$source_folder has no flashinfer_bench"

command -v python3 > /dev/null || skip "python3 is not here"
command -v c++ > /dev/null || skip "c++ is not here, with which tvm-ffi builds C++"
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv" || skip "python3 cannot make a virtual environment"
fi
python=$(cd "$venv/bin" && pwd)/python
has() { "$python" -c "import $1" 2> /dev/null; }
install() { "$python" -m pip install --quiet --disable-pip-version-check "$@"; }

# torch without CUDA: from where pip was told to look, else from its own index.
if ! has torch; then
  say "installing torch for the processor"
  install "torch==2.13.0+cpu" 2> /dev/null || install torch --index-url https://download.pytorch.org/whl/cpu \
    || skip "torch cannot be installed"
fi
has numpy && has pydantic && has safetensors && has docstring_parser && has yaml && has tvm_ffi && has ninja \
  || install numpy pydantic safetensors docstring-parser pyyaml ninja "apache-tvm-ffi>=0.1.12,<0.2" \
  || skip "the packages that FlashInfer-Bench needs cannot be installed"
# Without its dependencies: FlashInfer, which asks for CUDA's packages, is not needed by the release.
has flashinfer_bench || install --no-deps flashinfer-bench==0.1.2 || skip "flashinfer-bench cannot be installed"
if [ -n "$source_folder" ]; then
  # Later sources import FlashInfer. Its wheel imports without a GPU, with these beside it.
  if ! has flashinfer.testing; then
    install --no-deps "flashinfer-python>=0.6.4" && install requests tqdm click einops packaging tabulate nvidia-ml-py \
      || skip "FlashInfer cannot be installed"
  fi
  PYTHONPATH=$(cd "$source_folder" && pwd)
  export PYTHONPATH
fi

PATH=$(dirname "$python"):$PATH # ninja
export PATH PYTHONDONTWRITEBYTECODE=1
[ -z "$sets" ] || INTERCHANGE_SETS=$(cd "$sets" && pwd)
[ -z "$binary" ] || INTERCHANGE_BINARY=$(cd "$(dirname "$binary")" && pwd)/$(basename "$binary")
export INTERCHANGE_SETS=${INTERCHANGE_SETS:-} INTERCHANGE_BINARY=${INTERCHANGE_BINARY:-}

(cd Tests/Interchange && "$python" -m unittest discover) || fail "see above"
say "all passed"
