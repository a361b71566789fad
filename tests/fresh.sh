#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fresh.sh - quickstart.sh on a machine that has nothing: mmdebstrap makes a
# minimal Debian 12 root in a temporary folder, the tree as it is now is copied
# in, and quickstart.sh runs there. Needs root and mmdebstrap.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "fresh.sh: skipped, needs root" && exit 77; }
command -v mmdebstrap >/dev/null || { echo "fresh.sh: skipped, no mmdebstrap" && exit 77; }
begin=$SECONDS
root=$(mktemp -d /tmp/dmarc-intake-fresh.XXXXXX)
clean_up() {
	umount "$root/proc" 2>/dev/null || true
	rm -rf --one-file-system "$root"
}
trap clean_up EXIT

tests/debian-root "$root"
echo "fresh.sh: a root of $(du -sm --one-file-system "$root" | cut -f 1) MB in $((SECONDS - begin)) s"

mkdir -p "$root/src/dmarc-intake"
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null |
		tar -c -T - | tar -x -C "$root/src/dmarc-intake"
else
	tar -c --exclude=./build --exclude='./build-*' . | tar -x -C "$root/src/dmarc-intake"
fi
mount -t proc proc "$root/proc" 2>/dev/null || true
for round in first second; do
	start=$SECONDS
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root \
		${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
		chroot "$root" /src/dmarc-intake/quickstart.sh </dev/null
	echo "fresh.sh: quickstart.sh, $round run: $((SECONDS - start)) s"
done
