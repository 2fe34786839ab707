#!/bin/bash
# The real peers that the wire tests talk to. Says nothing while all are there; installs what is missing when run by
# root; never fails: a test whose peer is missing is skipped and says so (under CI=true that fails the run).
set -uo pipefail
cd "$(dirname "$0")"

declare -A packages=([prometheus]=prometheus [promtool]=prometheus [bearerbox]=kannel [tshark]=tshark [npm]=npm [sipp]=sip-tester [exim4]=exim4-daemon-light [systemd-analyze]=systemd [strace]=strace)

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

# Asterisk 22 is newer than the machine's release: its files alone, laid under a folder of their own and started with
# their own loader, by tests/wire/asterisk_peer.py. Nothing of it runs as a service or touches what is installed.
asterisk=${KLAROEN_PEERS:-/var/cache/klaroen-peers}/asterisk

asterisk_is_there() {
  compgen -G "$asterisk/usr/lib/*/asterisk/modules/chan_pjsip.so" >/dev/null
}

mirror_of_debian() {
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian //p' | head -1
}

# Older releases have modules, libraries and loader in several folders: all are found in the newer ones' one, too.
in_one_place() {
  local libraries file
  libraries=$(echo "$1"/usr/lib/*-linux-gnu)
  for file in "$1"/usr/lib/asterisk "$1"/usr/lib/libasterisk* "$1"/lib/*-linux-gnu/*; do
    [ ! -e "$file" ] || [ -e "$libraries/${file##*/}" ] || ln -rs "$file" "$libraries/"
  done
}

install_asterisk() {
  command -v mmdebstrap >/dev/null || install mmdebstrap
  local mirror
  mirror=$(mirror_of_debian)
  [ -n "$mirror" ] || { apt-get -o DPkg::Lock::Timeout=300 update -qq && mirror=$(mirror_of_debian); }
  [ -n "$mirror" ] || { echo "No mirror of Debian is configured: no Asterisk"; return 1; }
  echo "Installing peers: asterisk, into $asterisk"
  local suite
  for suite in forky bullseye; do
    rm -rf "$asterisk.part"
    # A mirror that stands still has Release files that have run out; what they say is signed all the same.
    mmdebstrap --quiet --variant=extract --components=main --include=asterisk \
      --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
      --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
      --aptopt='Acquire::Retries "3"' "$suite" "$asterisk.part" "$mirror" </dev/null &&
      chmod 755 "$asterisk.part" && in_one_place "$asterisk.part" && rm -rf "$asterisk" && mv "$asterisk.part" "$asterisk" && return
  done
}

if ! asterisk_is_there && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  mkdir -p "${asterisk%/*}"
  { flock 9; asterisk_is_there || install_asterisk; } 9>"$asterisk.lock"
fi
asterisk_is_there ||
  echo "Peers not installed, their tests will be skipped: asterisk (as root: tests/peers.sh)"

# Postfix would put Exim aside: its files alone, which tests/wire/postfix_peer.py starts from where they are.
postfix=${KLAROEN_PEERS:-/var/cache/klaroen-peers}/postfix

install_postfix() {
  local part
  part=$(mktemp -d)
  echo "Installing peers: postfix, into $postfix"
  (cd "$part" && { apt-get -qq download postfix || { apt-get -o DPkg::Lock::Timeout=300 update -qq && apt-get -qq download postfix; }; } 2>/dev/null) &&
    dpkg -x "$part"/postfix_*.deb "$part/files" && chmod 755 "$part/files" && rm -rf "$postfix" && mv "$part/files" "$postfix"
  rm -rf "$part"
}

if [ ! -d "$postfix" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  mkdir -p "${postfix%/*}"
  { flock 9; [ -d "$postfix" ] || install_postfix; } 9>"$postfix.lock"
fi
[ -d "$postfix" ] || echo "Peers not installed, their tests will be skipped: postfix (as root: tests/peers.sh)"

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
