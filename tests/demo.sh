#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A private httpd with the demo's masters:
#   tests/demo.sh start|stop BUILD [NAME]    (environment: APXS, PORT)
# NAME is the folder below BUILD, `demo` if not given; another one borrows the demo's masters where they are.
set -eu

action=$1
build=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
APXS=${APXS:-$(command -v apxs || command -v apxs2)}
httpd=$("$APXS" -q SBINDIR)/$("$APXS" -q PROGNAME)
modules=$("$APXS" -q LIBEXECDIR)
root=$build/${3:-demo}

# httpd started as root gives itself to an unprivileged user, who must be able to walk to every file here. Below a
# closed folder (a home of mode 700) that cannot be: then the tree lies in a folder of its own, linked from the build.
user=""
open_root() {
    mkdir -p "$root"
    [ "$(id -u)" = 0 ] || return 0
    for name in www-data apache nobody; do
        if id "$name" >/dev/null 2>&1; then user=$name; break; fi
    done
    group=$(id -gn "$user")
    chmod a+rx "$build" "$root" 2>/dev/null || true
    runuser -u "$user" -- test -x "$root" && return 0
    rmdir "$root" 2>/dev/null || [ -L "$root" ] || rm -rf "$root"
    if [ ! -L "$root" ]; then
        apart=$(mktemp -d /var/tmp/mod_iiif-demo.XXXXXX)
        chmod 755 "$apart"
        ln -s "$apart" "$root"
    fi
    root=$(readlink -f "$root")
}

stop() {
    if [ -s "$root/httpd.pid" ] && kill -0 "$(cat "$root/httpd.pid")" 2>/dev/null; then
        kill -TERM "$(cat "$root/httpd.pid")"
        tries=0
        while [ -e "$root/httpd.pid" ] && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
    fi
}

# What is static in one distribution is shared in another; what is not there is not needed.
load() {
    for name in "$@"; do
        if [ -e "$modules/mod_$name.so" ]; then
            printf '<IfModule !%s_module>\nLoadModule %s_module "%s/mod_%s.so"\n</IfModule>\n' \
                "$name" "$name" "$modules" "$name"
        fi
    done
}

write_conf() {
    cp "$build/mod_iiif.so" "$root/mod_iiif.so"
    printf 'text/html html\ntext/javascript js\nimage/png png\n' >"$root/mime.types"
    {
        echo "ServerRoot \"$root\""
        echo "DefaultRuntimeDir \"$root\""
        echo "PidFile \"$root/httpd.pid\""
        echo "Mutex \"file:$root\" default"
        echo "ErrorLog \"$root/logs/error.log\""
        echo "ServerName http://127.0.0.1:$1"
        echo "Listen 127.0.0.1:$1"
        load mpm_event authz_core dir alias mime log_config unixd socache_shmcb status
        [ -z "$user" ] || printf 'User %s\nGroup %s\n' "$user" "$group"
        echo "LogFormat \"%h %t \\\"%r\\\" %>s %B %D\" demo"
        echo "CustomLog \"$root/logs/access.log\" demo"
        echo "DocumentRoot \"$root/htdocs\""
        echo "DirectoryIndex index.html"
        echo "TypesConfig \"$root/mime.types\""
        echo "<Directory \"$root/htdocs\">"
        echo "    Options FollowSymLinks"
        echo "    Require all granted"
        echo "</Directory>"
        echo
        echo "LoadModule iiif_module \"$root/mod_iiif.so\""
        echo "<Location \"/iiif\">"
        echo "    IIIFRoot \"$root/masters\""
        echo "</Location>"
        echo "<Directory \"$root/masters\">"
        echo "    Require all granted"
        echo "</Directory>"
    } >"$root/httpd.conf"
}

write_pages() {
    cp "$here/demo/index.html" "$here/demo/gallery.js" "$root/htdocs/"
    if [ -d "$build/viewers/node_modules/openseadragon/build/openseadragon" ]; then
        rm -rf "$root/htdocs/openseadragon"
        cp -R "$build/viewers/node_modules/openseadragon/build/openseadragon" "$root/htdocs/openseadragon"
    fi
    (cd "$root/masters" && find photographs maps book -type f ! -name '.*' ! -name '*.json' | LC_ALL=C sort -t / -k 1,1r -k 2) |
        awk 'BEGIN { print "window.masters = [" } { printf "  \"%s\",\n", $0 } END { print "];" }' >"$root/htdocs/masters.js"
}

# The first port from $PORT on that httpd can listen at.
start() {
    port=${PORT:-8182}
    last=$((port + 50))
    while [ "$port" -lt "$last" ]; do
        write_conf "$port"
        if "$httpd" -f "$root/httpd.conf" >"$root/logs/start.log" 2>&1; then
            echo "$port" >"$root/port"
            return 0
        fi
        if ! grep -q "could not bind" "$root/logs/start.log"; then
            cat "$root/logs/start.log" >&2
            tail -n 5 "$root/logs/error.log" >&2 2>/dev/null || true
            exit 1
        fi
        port=$((port + 1))
    done
    echo "No free port from ${PORT:-8182} to $last." >&2
    exit 1
}

open_root
stop
[ "$action" = start ] || exit 0
mkdir -p "$root/logs" "$root/htdocs" "$root/masters"
if [ -d "$build/demo/masters" ] && [ ! -e "$root/masters/maps" ]; then
    cp -al "$build/demo/masters/." "$root/masters/" 2>/dev/null || cp -R "$build/demo/masters/." "$root/masters/"
fi
echo "masters:"
sh "$here/demo/masters.sh" "$root/masters"
chmod -R a+rX "$root"
write_pages
start
base=http://127.0.0.1:$(cat "$root/port")
cat <<END

The demo is running. Open:
  $base/                                                            all masters, zoomable
  $base/iiif/3/photographs%2Fwall.jp2/info.json                     Image API 3.0
  $base/iiif/2/photographs%2Fwall.jp2/info.json                     Image API 2.1
  $base/iiif/3/photographs%2Fwall.jp2/full/!1200,1200/0/default.jpg
  $base/iiif/3/maps%2Fearth.png/pct:40,20,30,50/800,/22.5/default.png
Stop it with: make -f apxs.mk demo-stop
END
