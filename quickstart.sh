#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# quickstart.sh - see it work, on Debian 12 or Ubuntu, in one command: installs
# what the build needs, builds, starts the LMTP server with SQLite in
# build/quickstart, delivers sample report mails to it - through a private
# Postfix where Postfix is installed and this is root, else straight over
# LMTP - and prints the summary. Can be run again.
set -euo pipefail
cd "$(dirname "$0")"
top=$PWD
scratch=$top/build/quickstart
begin=$SECONDS
say() { printf '\n== %s\n' "$*"; }

say "Build tools and libraries"
mapfile -t packages <tests/build-packages
tests/install-packages "${packages[@]}"

say "Build (the log: build/quickstart.log)"
mkdir -p build
if ! {
	{ [ -x configure ] && [ ! configure.ac -nt configure ]; } || autoreconf -fi
	cd build
	[ -f Makefile ] || ../configure
	make -j "$(nproc)"
} >build/quickstart.log 2>&1; then
	tail -n 30 "$top/build/quickstart.log" >&2
	exit 1
fi
cd "$top"

# the socket lies where Postfix's user may go, wherever this tree is
run=$(mktemp -d /tmp/dmarc-intake.XXXXXX)
chmod 711 "$run"
daemon=
clean_up() {
	[ ! -d "$run/postfix/etc" ] || tests/servers/postfix-down "$run/postfix" >/dev/null 2>&1 || true
	[ -z "$daemon" ] || { kill "$daemon" 2>/dev/null && wait "$daemon"; } || true
	rm -rf "$run"
}
trap clean_up EXIT

say "Start the LMTP server"
rm -rf "$scratch"
mkdir -p "$scratch"
cat >"$scratch/dmarc-intake.conf" <<E
[intake]
state_path = $scratch
log = stderr

[lmtp]
listen = unix:$run/lmtp.sock
socket_mode = 0666

[sqlite]
path = $scratch/dmarc-intake.db

[quarantine]
path = $scratch/quarantine
E
build/dmarc-intake-lmtpd -c "$scratch/dmarc-intake.conf" 2>"$scratch/log" &
daemon=$!
for _ in $(seq 100); do
	[ ! -S "$run/lmtp.sock" ] || break
	kill -0 "$daemon" 2>/dev/null || break
	sleep 0.1
done
[ -S "$run/lmtp.sock" ] || { cat "$scratch/log" >&2 && exit 1; }

mails=(tests/fixtures/*.eml)
if [ "$(id -u)" = 0 ] && command -v postfix >/dev/null && command -v smtp-source >/dev/null; then
	say "Deliver ${#mails[@]} sample mails through a private Postfix (the installed one is left alone)"
	port=$((20000 + RANDOM % 20000))
	tests/servers/postfix-up "$run/postfix" "$port" "unix:$run/lmtp.sock" >/dev/null 2>&1
	for mail in "${mails[@]}"; do
		smtp-source -F "$mail" -f noreply@reporter.example -t reports@test.example "127.0.0.1:$port"
	done
	for _ in $(seq 300); do
		[ -n "$(postqueue -c "$run/postfix/etc" -j)" ] || break
		sleep 0.1
	done
	sed -nE 's/.*(status=.*) [0-9a-f.]+\)$/\1)/p' "$run/postfix/maillog" | sort | uniq -c
	[ -z "$(postqueue -c "$run/postfix/etc" -j)" ] || { echo "the queue did not drain" >&2 && exit 1; }
else
	say "Deliver ${#mails[@]} sample mails over LMTP"
	build/tests/lmtp_send -q "unix:$run/lmtp.sock" "${mails[@]}"
fi

say "What the server's log says"
grep 'status=' "$scratch/log" | tail -n 3

say "dmarc-intake report"
build/dmarc-intake -c "$scratch/dmarc-intake.conf" report

say "Done in $((SECONDS - begin)) s. What next"
cat <<E
  Look again:        build/dmarc-intake -c build/quickstart/dmarc-intake.conf report
  Your own reports:  build/dmarc-intake parse --format summary FILE|FOLDER|MBOX...
  The database:      sqlite3 build/quickstart/dmarc-intake.db .tables
  Your own Postfix:  README.md, "Postfix"
E
