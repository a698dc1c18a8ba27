#!/usr/bin/env bash
# Installs the Python package into an environment of its own, or runs its tests there, or those with TRL, or a trainer
# in libtorch that is built with the environment's PyTorch. 77: what it needs cannot be had.
#
#     tests/scripts/python_package.sh install|test|trl|cuda ENVIRONMENT
#     tests/scripts/python_package.sh libtorch ENVIRONMENT BUILD_FOLDER
#
# cuda: the op for CUDA is compiled, which takes nvcc minutes; nothing runs on a device.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
torch=2.13.0
action=$1 environment=$2
# Bytecode is written, whatever the caller's environment says: else each process compiles PyTorch's sources anew.
unset PYTHONDONTWRITEBYTECODE

skip() { echo "$*: skipped"; exit 77; }

case $action in
  install)
    if [ ! -x "$environment/bin/pip" ]; then
      rm -rf "$environment"
      python3 -m venv "$environment" || skip "python3 -m venv cannot make an environment (Debian: python3-venv)"
    fi
    # Of what is installed a part is imported: that part is compiled then.
    "$environment/bin/pip" install --quiet --no-compile "torch==$torch" numpy pytest hypothesis pyarrow safetensors \
      tokenizers nbclient ipykernel matplotlib || skip "pip cannot install PyTorch $torch, pytest and the like"
    "$environment/bin/pip" install --quiet --no-compile jax || echo "pip cannot install JAX: its test is skipped"
    "$environment/bin/pip" install --quiet --no-compile mypy || echo "pip cannot install mypy: its test is skipped"
    # This machine's instruction set alone, and as it compiles fast: c_api.* have every build as it is shipped.
    "$environment/bin/pip" install --quiet --force-reinstall --no-deps ./python -C cmake.define.CPPO_C_API_NATIVE=ON \
      -C cmake.build-type=Quick -C cmake.define.CMAKE_CXX_FLAGS="-O1 -DCPPO_NO_FORCED_INLINING"
    touch "$environment/installed"
    ;;
  test)
    [ -e "$environment/installed" ] || skip "the package is not installed"
    # From elsewhere, so that the installed package is tested and not the folder of its sources.
    cd "$environment"
    # PyTorch on one thread: another test has the other core, and threads that wait for each other would spin.
    OMP_NUM_THREADS=1 bin/python -m pytest -q -p no:cacheprovider "$OLDPWD/python/tests" \
      --ignore "$OLDPWD/python/tests/trainers"
    ;;
  cuda)
    [ -e "$environment/installed" ] || skip "the package is not installed"
    cd "$environment"
    CPPO_TEST_CUDA=1 CPPO_CACHE="$environment/cache" \
      bin/python -m pytest -q -p no:cacheprovider "$OLDPWD/python/tests/test_cuda.py"
    ;;
  trl)
    [ -e "$environment/installed" ] || skip "the package is not installed"
    trainers=$PWD/python/tests/trainers
    # 324 MB beside PyTorch. Two ranks and the other trainers: ./run test-trainers
    grep -E '^(trl|transformers|accelerate|datasets)==' "$trainers/requirements.txt" >"$environment/trl.txt"
    "$environment/bin/pip" install --quiet --no-compile -r "$environment/trl.txt" || skip "pip cannot install TRL"
    cd "$environment"
    OMP_NUM_THREADS=1 bin/python -m pytest -q -p no:cacheprovider "$trainers/test_trl.py" -k "not two_ranks"
    ;;
  libtorch)
    [ -e "$environment/installed" ] || skip "the package is not installed"
    cmake -S tests/consumers/libtorch -B "$3" -DCPPO_PYTHON="$environment/bin/python" -DCMAKE_BUILD_TYPE=Release
    cmake --build "$3" --target consumer
    "$environment/bin/python" tests/consumers/libtorch/compare.py "$3/consumer"
    ;;
  *) echo "what is $action?" >&2; exit 2 ;;
esac
