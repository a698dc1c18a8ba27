#!/usr/bin/env bash
# Builds the programs for a device: equality, described, folds, logits, bench, bench_logits, digest, small_digest, cost,
# relaxed; barriers for the interpreter. Needs nvcc and the C++ compiler that it finds.
#
#     tests/cuda/build.sh OUT ARCHITECTURE... [--only PROGRAM]... [--fast] [--lines] [--ptx]
#     tests/cuda/build.sh --nvcc      prints which nvcc it takes
#
# For example build/cuda 80 90 100, or native.
#
# --fast: less optimized device code in a fifth of the time, where nvcc offers it (to see that it compiles and links).
# --lines: PTX says of which line of the source it is made.
# --ptx: PTX alone, which a device compiles when the program runs, and beside each PROGRAM a PROGRAM.interpreted, which
# runs its PTX in the interpreter of tests/cuda/ptx.
# CPPO_NVCC: which nvcc; CPPO_PTX_LIBRARY: the interpreter but for its runtime, compiled; JOBS: compilations at a time.
# What is newer than all sources is not built again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
nvcc=${CPPO_NVCC:-$(command -v nvcc || command -v /usr/local/cuda/bin/nvcc || true)}
[ -n "$nvcc" ] || { echo "nvcc was not found: install the CUDA toolkit, or set CPPO_NVCC" >&2; exit 77; }
if [ "$1" = --nvcc ]; then echo "$nvcc"; exit; fi
out=$1
shift
only=() architectures=() flags=() fast='' ptx='' code=sm host=-O3
while [ $# -gt 0 ]; do
  case $1 in
    --only) only+=("$2"); shift ;;
    --fast) fast=1 ;;
    --lines) flags+=(-lineinfo) ;;
    --ptx) ptx=1 code=compute host=-O1 ;;  # the interpreter takes the time, not the host's code
    *) architectures+=("$1") ;;
  esac
  shift
done
flags+=(-std=c++20 $host -Werror all-warnings -Xcompiler -Wall,-Wextra -Iinclude -Itests)
if [ -n "$fast" ] && [[ $("$nvcc" --help) = *--Ofast-compile* ]]; then flags+=(-Ofc=mid); fi
for a in "${architectures[@]}"; do
  if [ "$a" = native ]; then flags+=(-arch=native)
  else flags+=(-gencode "arch=compute_$a,code=${code}_$a"); fi
done
[ -z "$ptx" ] || flags+=(-no-compress)
interpreter=$out/ptx${CPPO_PTX_LIBRARY:+_runtime}
mkdir -p "$out"
newest_of() { find "$@" -type f -printf '%T@\n' | sort -n | tail -1; }
newer() { [ -e "$1" ] && awk "BEGIN { exit !($(stat -c %Y "$1") > $2) }"; }
newest=$(newest_of include tests/cuda/*.cu tests/cuda/*.hpp tests/digest tests/support/*.hpp benchmarks/cuda)

program() {  # program NAME SOURCE...
  local name=$1 source object objects=()
  shift
  [ ${#only[@]} -eq 0 ] || [[ " ${only[*]} " = *" $name "* ]] || return 0
  if [ "${JOBS:-}" = 1 ] && [ $# -gt 1 ]; then  # nothing compiles side by side: one unit, which reads the headers once
    printf '#include "%s"\n' "${@/#/$PWD/}" >"$out/$name.all.cu"
    set -- "$out/$name.all.cu"
  fi
  for source in "$@"; do objects+=("$out/$(basename "$source" .cu).o"); done
  if [ "$(cat "$out/$name.flags" 2>/dev/null)" = "${flags[*]}" ] && newer "$out/$name.flags" "$newest"; then
    link "$name" "${objects[@]}"
    return
  fi
  for source in "$@"; do
    object=$out/$(basename "$source" .cu).o
    printf '%s\0%s\0' "$source" "$object"
  done | xargs -0 -n 2 -P "${JOBS:-$(nproc)}" \
    bash -c '"$0" "${@:1:$#-2}" -c "${@: -2:1}" -o "${@: -1}" || exit 255' "$nvcc" "${flags[@]}"
  rm -f "$out/$name"
  link "$name" "${objects[@]}"
  echo "${flags[*]}" >"$out/$name.flags"
}
link() {  # link NAME OBJECT...
  local name=$1
  shift
  [ -x "$out/$name" ] || "$nvcc" "${flags[@]}" "$@" -o "$out/$name"
  [ -z "$ptx" ] || "${CXX:-g++}" "$@" "$interpreter"/*.o ${CPPO_PTX_LIBRARY:+"$CPPO_PTX_LIBRARY"} -pthread \
    -o "$out/$name.interpreted"
}
# The interpreter, in place of the CUDA runtime; by way of nvcc, which knows where its headers are.
interpreter() {
  mkdir -p "$interpreter"
  local source object last
  last=$(newest_of tests/cuda/ptx/*.?pp)
  [ -z "${CPPO_PTX_LIBRARY:-}" ] || last=$(newest_of tests/cuda/ptx/*.?pp "$CPPO_PTX_LIBRARY")
  for source in tests/cuda/ptx/${CPPO_PTX_LIBRARY:+runtime}*.cpp; do
    object=$interpreter/$(basename "$source" .cpp).o
    if ! newer "$object" "$last"; then printf '%s\0%s\0' "$source" "$object"; fi
  done | xargs -0 -r -n 2 -P "${JOBS:-$(nproc)}" \
    bash -c '"$0" -std=c++20 -O2 -Xcompiler -ffp-contract=off -c "$1" -o "$2" || exit 255' "$nvcc"
}

[ -z "$ptx" ] || interpreter
program equality tests/cuda/equality.cu tests/cuda/random_float.cu tests/cuda/random_double.cu \
  tests/cuda/every_divergence.cu
program described tests/cuda/described.cu
program folds tests/cuda/folds.cu
program logits tests/cuda/logits.cu
program bench benchmarks/cuda/bench.cu
program bench_logits benchmarks/cuda/bench_logits.cu
program digest tests/cuda/digest.cu
program small_digest tests/cuda/small_digest.cu
program cost tests/cuda/cost.cu
program cost_logits tests/cuda/cost_logits.cu
lines=("${flags[@]}")
flags+=(-lineinfo)  # for ptx/deletions.py, which names places in the source
[ -z "$ptx" ] || program barriers tests/cuda/barriers.cu
flags=("${lines[@]}")
flags+=(--use_fast_math)
program relaxed tests/cuda/relaxed.cu
