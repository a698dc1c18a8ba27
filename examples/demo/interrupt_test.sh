#!/usr/bin/env bash
# Ctrl-C in the middle of training: the report of what is done is written, and the exit status says what happened.
set -u
demo=$1 report=$2
rm -f "$report"
"$demo" --region ppo --steps 100000 --quick --staleness 64 --out "$report" >"$report.txt" 2>&1 &
pid=$!
for _ in $(seq 600); do
  grep -q '^Training' "$report.txt" && break
  sleep 0.1
done
sleep 2
kill -INT "$pid"
wait "$pid"
status=$?
[ "$status" -eq 130 ] || { echo "exit status $status, not 130"; cat "$report.txt"; exit 1; }
grep -q 'Interrupted' "$report.txt" || { echo "the table does not say that it was interrupted"; exit 1; }
grep -q 'Training was interrupted' "$report" || { echo "the report does not say that it was interrupted"; exit 1; }
