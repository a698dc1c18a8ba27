#!/usr/bin/env bash
# Installs the Python package into an environment of its own, or runs its tests there, or a trainer in libtorch that is
# built with the environment's PyTorch. 77: what it needs cannot be had.
#
#     tests/scripts/python_package.sh install|test ENVIRONMENT
#     tests/scripts/python_package.sh libtorch ENVIRONMENT BUILD_FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
torch=2.13.0
action=$1 environment=$2

skip() { echo "$*: skipped"; exit 77; }

case $action in
  install)
    if [ ! -x "$environment/bin/pip" ]; then
      rm -rf "$environment"
      python3 -m venv "$environment" || skip "python3 -m venv cannot make an environment (Debian: python3-venv)"
    fi
    "$environment/bin/pip" install --quiet "torch==$torch" numpy pytest hypothesis nbclient ipykernel matplotlib ||
      skip "pip cannot install PyTorch $torch, pytest, hypothesis, and what runs a notebook"
    # This machine's instruction set alone: a part of the time. The others are built and tested without Python.
    "$environment/bin/pip" install --quiet --force-reinstall --no-deps ./python -C cmake.define.CPPO_C_API_NATIVE=ON
    touch "$environment/installed"
    ;;
  test)
    [ -e "$environment/installed" ] || skip "the package is not installed"
    # From elsewhere, so that the installed package is tested and not the folder of its sources.
    cd "$environment"
    bin/python -m pytest -q -p no:cacheprovider "$OLDPWD/python/tests" --ignore "$OLDPWD/python/tests/trainers"
    ;;
  libtorch)
    [ -e "$environment/installed" ] || skip "the package is not installed"
    cmake -S tests/consumers/libtorch -B "$3" -DCPPO_PYTHON="$environment/bin/python" -DCMAKE_BUILD_TYPE=Release
    cmake --build "$3" --target consumer
    "$environment/bin/python" tests/consumers/libtorch/compare.py "$3/consumer"
    ;;
  *) echo "what is $action?" >&2; exit 2 ;;
esac
