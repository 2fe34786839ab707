#!/bin/bash
# Every test, in two runs side by side: the one mostly waits for processes and peers, the other computes and, with the
# lower priority, fills what the first leaves of the machine. With arguments: one run of pytest with these.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin

compute() {
  # What must be covered is covered by the quick tests: worlds would take twice as long to watch.
  "$bin/pytest" --cov --cov-report= --ignore tests/system --ignore tests/wire --ignore tests/simulation
  local status=$?
  "$bin/pytest" tests/simulation || status=$?
  return "$status"
}

if [ $# -gt 0 ]; then exec "$bin/pytest" "$@"; fi

"$bin/coverage" erase
told=$(mktemp)
trap 'rm -f "$told"' EXIT
(renice -n 10 "$BASHPID" >/dev/null && compute) >"$told" 2>&1 &
computing=$!
"$bin/pytest" tests/system tests/wire
status=$?
wait "$computing" || status=$?
cat "$told"
exit "$status"
