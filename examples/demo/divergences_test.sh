#!/usr/bin/env bash
# What the divergences see of a run's tokens is printed for every region, and Binary <= Top-K <= full in mean and P90.
set -u
demo=$1 report=$2
"$demo" --quick --steps 1 --divergence top_k_tv --staleness 64 --out "$report" >"$report.txt" || exit 1
awk '
  /^What each divergence sees/ { inside = 1; next }
  inside && /^Of the first seed/ { inside = 0 }
  inside && $NF ~ /^[0-9<.]+$/ {
    ++rows
    for (i = NF - 8; i <= NF - 5; i += 3) {
      if (!(0 < $i && $i + 0 <= $(i + 1) + 0 && $(i + 1) + 0 <= $(i + 2) + 0)) { print "not in order: " $0; bad = 1 }
    }
  }
  END { if (rows != 8) { print rows + 0 " rows, not 8"; bad = 1 } exit bad }
' "$report.txt" || { cat "$report.txt"; exit 1; }
