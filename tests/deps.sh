#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that a purpose needs, or says exactly which are missing.
#   tests/deps.sh build|demo|test|bench …
# Root only installs; anybody else is told the command. Other systems: the same libraries under their own names.
set -eu

BUILD_PACKAGES="gcc make pkg-config apache2 apache2-dev libopenjp2-7-dev libjpeg62-turbo-dev libpng-dev
  libjansson-dev zlib1g-dev libtiff-dev libwebp-dev libgif-dev liblcms2-dev"
DEMO_PACKAGES="libopenjp2-tools libvips-tools libjpeg-turbo-progs fonts-linuxlibertine
  lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 xplanet-images"
TEST_PACKAGES="libcmocka-dev python3-pytest python3-numpy python3-pil python3-requests libopenjp2-tools libvips-tools
  libjpeg-turbo-progs openjph-tools chromium poppler-utils qpdf curl nghttp2-client memcached redis-server"

# iipimage-server puts itself into the system's httpd; the benchmark only takes its program.
BENCH_PACKAGES="iipimage-server apache2-utils valgrind libopenjp2-tools libvips-tools libjpeg-turbo-progs libtiff-tools
  lomiri-wallpapers-16.04 lomiri-wallpapers-20.04"

wanted=""
npm=no
for purpose in "$@"; do
    case $purpose in
    build) wanted="$wanted $BUILD_PACKAGES" ;;
    demo) wanted="$wanted $DEMO_PACKAGES"; npm=yes ;;
    bench) wanted="$wanted $BENCH_PACKAGES" ;;
    test) wanted="$wanted $TEST_PACKAGES"; npm=yes ;;
    *) echo "usage: tests/deps.sh build|demo|test|bench …" >&2; exit 2 ;;
    esac
done
# A Node.js that is already there will do, wherever it came from.
if [ $npm = yes ] && ! { command -v npm && command -v node; } >/dev/null 2>&1; then
    wanted="$wanted nodejs npm"
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is no Debian system: install what provides these Debian packages, then run the target again with DEPS=no:" $wanted >&2
    exit 1
fi

missing=""
for package in $wanted; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
    "install ok installed") ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "These packages are missing. Install them, then run this again:" >&2
    echo "  sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# A service that starts by itself is not wanted: every httpd here is a private one.
policy=/usr/sbin/policy-rc.d
own_policy=no
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && own_policy=yes
fi
trap '[ $own_policy = no ] || rm -f $policy' EXIT
apt-get update -qq || echo "apt-get update failed; trying with the lists that are here" >&2
apt-get install -y -qq --no-install-recommends $missing >/dev/null
