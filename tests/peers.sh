#!/bin/bash
# The real peers that the wire tests talk to. Says nothing while all are there; installs what is missing when run by
# root; never fails: a test whose peer is missing is skipped and says so (under CI=true that fails the run).
set -uo pipefail
cd "$(dirname "$0")"

declare -A packages=([prometheus]=prometheus [promtool]=prometheus [bearerbox]=kannel [tshark]=tshark [npm]=npm [sipp]=sip-tester)

missing() {
  for program in "${!packages[@]}"; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || echo "${packages[$program]}"
  done | sort -u
}

install() {
  echo "Installing peers:" "$@"
  export DEBIAN_FRONTEND=noninteractive
  # Debian starts what it installs; the tests start their own, on ports of their own.
  local policy=/usr/sbin/policy-rc.d
  local ours=
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; ours=yes; }
  apt-get -o DPkg::Lock::Timeout=300 update -qq &&
    apt-get -o DPkg::Lock::Timeout=300 install -qq --no-install-recommends "$@" >/dev/null
  [ -z "$ours" ] || rm -f "$policy"
}

mapfile -t wanted < <(missing)
if [ ${#wanted[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  install "${wanted[@]}"
fi
mapfile -t wanted < <(missing)
if [ ${#wanted[@]} -gt 0 ]; then
  echo "Peers not installed, their tests will be skipped: ${wanted[*]} (as root: tests/peers.sh)"
fi

# node-smpp, by its lock; npm writes its own copy of the lock last, so that an older one means an unfinished install.
installed=wire/peers/node_modules/.package-lock.json
if command -v npm >/dev/null && [ ! "$installed" -nt wire/peers/package-lock.json ]; then
  npm ci --silent --no-audit --no-fund --ignore-scripts --prefix wire/peers && touch "$installed" ||
    echo "Peers not installed, their tests will be skipped: node-smpp (npm ci --prefix tests/wire/peers)"
fi
exit 0
