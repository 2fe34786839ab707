#!/bin/bash
# Every test, in two runs side by side: the one waits for processes; the other computes, with the lower priority, in what
# the first leaves of the machine, and then waits for peers. With arguments: one run of pytest with these.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin

beside() {
  local status=0
  # What must be covered is covered by the quick tests: worlds would take twice as long to watch.
  nice -n 10 "$bin/pytest" --cov --cov-report= \
    --ignore tests/system --ignore tests/wire --ignore tests/simulation || status=$?
  nice -n 10 "$bin/pytest" tests/simulation || status=$?
  "$bin/pytest" tests/wire || status=$?
  return "$status"
}

if [ $# -gt 0 ]; then exec "$bin/pytest" "$@"; fi

"$bin/coverage" erase
told=$(mktemp)
trap 'rm -f "$told"' EXIT
beside >"$told" 2>&1 &
other=$!
"$bin/pytest" tests/system
status=$?
wait "$other" || status=$?
cat "$told"
exit "$status"
