#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the demo's folder of masters from pictures that Debian packages hold (NOTICE names authors and licences):
#   tests/demo/masters.sh FOLDER
# What is there already is kept.
set -eu

out=$1
here=$(cd "$(dirname "$0")" && pwd)
photos=/usr/share/backgrounds
maps=/usr/share/xplanet/images
mkdir -p "$out/photographs" "$out/maps" "$out/book"
work=$(mktemp -d "$out/.making.XXXXXX")
trap 'rm -rf "$work"' EXIT

# make TARGET COMMAND…: runs the command, which writes $work/new…, and moves the result into place.
make_once() {
    target=$1
    shift
    [ -e "$out/$target" ] && return 0
    printf '  %-36s' "$target"
    suffix=${target##*.}
    rm -f "$work/new.$suffix"
    # Not behind `||`, where a shell would go on after a step that failed.
    set +e
    (set -e; "$@" "$work/new.$suffix") >"$work/log" 2>&1
    status=$?
    set -e
    [ $status = 0 ] || { echo failed >&2; cat "$work/log" >&2; exit 1; }
    mv "$work/new.$suffix" "$out/$target"
    du -h "$out/$target" | cut -f1
}

# Nine photographs hung as one wall: 9216 × 6144 pixels, one untiled codestream with precincts for each resolution.
wall() {
    cells=""
    for name in aitzgorri_by_Aitzol_Berasategi life_by_Aitzol_Berasategi picosdeeuropa_by_Aitzol_Berasategi \
        Picture_0B_by_freespace seeding_by_Clements_Engelhardt sunset_by_Aitzol_Berasategi \
        umang_by_Abhishek_Mudgal Bridge_by_Sander_Klootwijk greentock_by_Peter_Nerlich; do
        vips thumbnail "$photos/$name.jpg" "$work/$name.v" 3072 --height 2048 --crop centre --size both
        cells="$cells${cells:+ }$work/$name.v"
    done
    vips arrayjoin "$cells" "$work/wall.ppm" --across 3
    rm -f "$work"/*.v
    opj_compress -i "$work/wall.ppm" -o "$1" -r 12 -I -n 7 -p RPCL -PLT -threads 2 \
        -c '[256,256],[256,256],[256,256],[256,256],[256,256],[256,256],[256,256]'
    rm -f "$work/wall.ppm"
}

dragonfly() {
    vips copy "$photos/Dragonfly_by_Bolly.jpg" "$work/dragonfly.ppm"
    opj_compress -i "$work/dragonfly.ppm" -o "$1" -t 512,512 -r 10 -I -n 6 -p RPCL -TLM -threads 2
    rm -f "$work/dragonfly.ppm"
}

kleiber() {
    vips tiffsave "$photos/Kleiber_by_Lukas_Baubkus.jpg" "$1" --tile --tile-width 256 --tile-height 256 --pyramid \
        --compression jpeg --Q 90
}

fossa() {
    jpegtran -progressive -copy all -outfile "$1" "$photos/Fossa_by_Jasper_Roks.jpg"
}

painting() {
    cp "$photos/Painting-Colors_by__herobrine7gamer.jpg" "$1"
}

# Scaled in 16 bits, so that the samples between the original ones are really there.
earth() {
    vips resize "$maps/earth.jpg" "$work/earth.v" 2 --kernel lanczos3
    vips cast "$work/earth.v" "$work/earth16.v" ushort --shift
    vips gaussblur "$work/earth16.v" "$work/earthblur.v" 0.7
    vips pngsave "$work/earthblur.v" "$1" --bitdepth 16
    rm -f "$work"/earth*.v
}

night() {
    cp "$maps/night.jpg" "$1"
}

# A typeset page, 300 pixels an inch: gray for the first, one bit and CCITT for the others.
page() {
    number=$1
    awk -v n="$number" 'BEGIN { RS = "%%\n" } NR == n { printf "%s", $0 }' "$here/book.txt" >"$work/page.txt"
    vips text "$work/text.v" "$(cat "$work/page.txt")" --font "Linux Libertine O 14" --width 1750 --dpi 300 --justify --spacing 14
    vips invert "$work/text.v" "$work/ink.v"
    vips gravity "$work/ink.v" "$work/sheet.v" north 1750 2800 --extend white
    vips embed "$work/sheet.v" "$work/paper.v" 350 400 2480 3508 --extend white
    if [ "$number" = 1 ]; then
        vips tiffsave "$work/paper.v" "$2" --compression deflate --predictor horizontal --xres 11.811 --yres 11.811
    else
        vips tiffsave "$work/paper.v" "$2" --compression ccittfax4 --bitdepth 1 --xres 11.811 --yres 11.811
    fi
    rm -f "$work"/*.v
}

page1() { page 1 "$1"; }
page2() { page 2 "$1"; }
page3() { page 3 "$1"; }

make_once photographs/wall.jp2 wall
make_once photographs/dragonfly.jp2 dragonfly
make_once photographs/kleiber.tif kleiber
make_once photographs/fossa.jpg fossa
make_once photographs/painting.jpg painting
make_once maps/earth.png earth
make_once maps/night.jpg night
make_once book/p001.tif page1
make_once book/p002.tif page2
make_once book/p003.tif page3
