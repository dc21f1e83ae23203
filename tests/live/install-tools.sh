#!/bin/sh
# Installs from Debian what the live tests run: engines, other people's readers of images, oracles. Only as root; the
# tests that lack a tool are skipped, each naming it.
set -eu
tools="docker.io podman runc bubblewrap uidmap iptables skopeo umoci gpg ca-certificates binutils zstd util-linux python3.11
gcc g++ libc6-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
missing=""
for tool in $tools; do
    dpkg-query --show --showformat='${db:Status-Status}' "$tool" 2>/dev/null | grep -qx installed || missing="$missing $tool"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "note: not installed, so the live tests that need them are skipped:$missing" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
for tool in $missing; do
    # One by one: a tool that this release does not have must not keep the others away.
    apt-get install -qq --no-install-recommends "$tool" >/dev/null 2>&1 || echo "note: $tool cannot be installed here" >&2
done
