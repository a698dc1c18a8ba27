#!/usr/bin/env bash
# Builds the programs for a device: equality, digest, bench, relaxed. Needs nvcc and the C++ compiler that it finds.
#
#     tests/cuda/build.sh OUT ARCHITECTURE... [--only PROGRAM]... [--fast]    e.g. build/cuda 80 90 100, or native
#     tests/cuda/build.sh --nvcc                                              prints which nvcc it takes
#
# --fast: less optimized device code in a fifth of the time, where nvcc offers it (to see that it compiles and links).
# CPPO_NVCC: which nvcc; JOBS: compilations at a time. What is newer than all sources is not built again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
nvcc=${CPPO_NVCC:-$(command -v nvcc || command -v /usr/local/cuda/bin/nvcc || true)}
[ -n "$nvcc" ] || { echo "nvcc was not found: install the CUDA toolkit, or set CPPO_NVCC" >&2; exit 77; }
if [ "$1" = --nvcc ]; then echo "$nvcc"; exit; fi
out=$1
shift
only=() architectures=() fast=
while [ $# -gt 0 ]; do
  case $1 in
    --only) only+=("$2"); shift ;;
    --fast) fast=1 ;;
    *) architectures+=("$1") ;;
  esac
  shift
done
flags=(-std=c++20 -O3 -Werror all-warnings -Xcompiler -Wall,-Wextra -Iinclude -Itests)
if [ -n "$fast" ] && [[ $("$nvcc" --help) = *--Ofast-compile* ]]; then flags+=(-Ofc=mid); fi
for a in "${architectures[@]}"; do
  if [ "$a" = native ]; then flags+=(-arch=native)
  else flags+=(-gencode "arch=compute_$a,code=sm_$a"); fi
done
mkdir -p "$out"
newest=$(find include tests/cuda tests/digest tests/*.hpp benchmarks/cuda -type f -printf '%T@\n' | sort -n | tail -1)

program() {  # program NAME SOURCE...
  local name=$1 source object objects=()
  shift
  [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " = *" $name "* ]] || return 0
  if [ -x "$out/$name" ] && [ "$(cat "$out/$name.flags" 2>/dev/null)" = "${flags[*]}" ] &&
     awk "BEGIN { exit !($(stat -c %Y "$out/$name") > $newest) }"; then return 0; fi
  for source in "$@"; do
    object=$out/$(basename "$source" .cu).o
    objects+=("$object")
    printf '%s\0%s\0' "$source" "$object"
  done | xargs -0 -n 2 -P "${JOBS:-$(nproc)}" bash -c '"$0" "${@:1:$#-2}" -c "${@: -2:1}" -o "${@: -1}" || exit 255' "$nvcc" "${flags[@]}"
  for source in "$@"; do objects+=("$out/$(basename "$source" .cu).o"); done
  "$nvcc" "${flags[@]}" "${objects[@]}" -o "$out/$name"
  echo "${flags[*]}" >"$out/$name.flags"
}
program equality tests/cuda/equality.cu tests/cuda/random_float.cu tests/cuda/random_double.cu tests/cuda/every_divergence.cu
program bench benchmarks/cuda/bench.cu
program digest tests/cuda/digest.cu
flags+=(--use_fast_math)
program relaxed tests/cuda/relaxed.cu
