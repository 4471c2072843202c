#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the benchmark's masters from photographs that Debian packages hold (NOTICE names authors and licences):
#   tests/bench/masters.sh FOLDER NAME…
# NAME is SIZE-VARIANT: SIZE 10, 100 or 400 (megapixels); VARIANT one of
#   rpcl-lossy rpcl-lossless   one tile, RPCL, precincts 256 at every resolution, PLT
#   lrcp-lossy lrcp-lossless   one tile, LRCP, neither precincts nor PLT
#   t256-lossy t512-lossy t1024-lossy t1024-lossless   tiles of that size, RPCL, TLM
#   tiff                       pyramid of JPEG tiles of 256
#   jpeg jpeg-restart          baseline 4:2:0, without and with a restart marker every 25 MCUs
# What is there already is kept. opj_compress takes 20 bytes of memory for each pixel of an untiled master, more when lossless.
set -eu

out=$1
shift
photos=/usr/share/backgrounds
mkdir -p "$out"
work=$(mktemp -d "$out/.making.XXXXXX")
trap 'rm -rf "$work"' EXIT
export VIPS_CONCURRENCY=2

names="aitzgorri_by_Aitzol_Berasategi life_by_Aitzol_Berasategi picosdeeuropa_by_Aitzol_Berasategi
  Fossa_by_Jasper_Roks seeding_by_Clements_Engelhardt sunset_by_Aitzol_Berasategi umang_by_Abhishek_Mudgal
  Bridge_by_Sander_Klootwijk Kleiber_by_Lukas_Baubkus Infinite-Sea_by_Aury88 Dragonfly_by_Bolly"

# cells SIZE: columns, rows, and the size of a cell. A cell is smaller than its photograph: nothing is ever enlarged, since
# enlarged pictures hold too little detail and decode too cheaply.
cells() {
    case $1 in
    10) across=2 down=2 cell_width=1825 cell_height=1370 ;;
    100) across=5 down=5 cell_width=2320 cell_height=1724 ;;
    400) across=8 down=10 cell_width=2560 cell_height=1960 ;;
    *) echo "unknown size: $1" >&2; exit 2 ;;
    esac
}

# Mirrored from cell to cell, and with a sensor's noise, so that no two are alike.
one_cell() {
    photo=$1 number=$2
    vips thumbnail "$photos/$photo.jpg" "$work/a.v" "$cell_width" --height "$cell_height" --crop centre --size both
    case $((number % 4)) in
    1) vips flip "$work/a.v" "$work/b.v" horizontal ;;
    2) vips flip "$work/a.v" "$work/b.v" vertical ;;
    3) vips rot "$work/a.v" "$work/b.v" d180 ;;
    *) mv "$work/a.v" "$work/b.v" ;;
    esac
    noise=$work/noise$((number % 5)).v
    [ -e "$noise" ] || vips gaussnoise "$noise" "$cell_width" "$cell_height" --mean 0 --sigma 2 --seed "$number"
    vips add "$work/b.v" "$noise" "$work/sum.v"
    vips cast "$work/sum.v" "$work/cell$number.v" uchar
}

mosaic() {
    size=$1
    [ -e "$work/$size.ppm" ] && return 0
    cells "$size"
    # One raster at a time: at 400 megapixels each takes 1.2 GB.
    rm -f "$work"/*.ppm
    list="" count=$((across * down)) number=0
    # shellcheck disable=SC2086
    set -- $names
    while [ $number -lt $count ]; do
        one_cell "$1" $number
        list="$list${list:+ }$work/cell$number.v"
        first=$1
        shift
        set -- "$@" "$first"
        number=$((number + 1))
    done
    vips arrayjoin "$list" "$work/$size.ppm" --across $across
    rm -f "$work"/*.v
}

# -c once would halve the precincts at each resolution.
precincts='[256,256],[256,256],[256,256],[256,256],[256,256],[256,256],[256,256],[256,256]'

jpeg2000() {
    raster=$work/$1.ppm variant=$2 target=$3
    case $variant in
    rpcl-lossy) set -- -n 8 -p RPCL -PLT -c "$precincts" -r 40,20,10 -I ;;
    rpcl-lossless) set -- -n 8 -p RPCL -PLT -c "$precincts" ;;
    lrcp-lossy) set -- -n 8 -p LRCP -r 40,20,10 -I ;;
    lrcp-lossless) set -- -n 8 -p LRCP ;;
    t256-lossy) set -- -n 6 -p RPCL -t 256,256 -TLM -r 10 -I ;;
    t512-lossy) set -- -n 7 -p RPCL -t 512,512 -TLM -r 10 -I ;;
    t1024-lossy) set -- -n 7 -p RPCL -t 1024,1024 -TLM -r 10 -I ;;
    t1024-lossless) set -- -n 7 -p RPCL -t 1024,1024 -TLM ;;
    *) echo "unknown variant: $variant" >&2; exit 2 ;;
    esac
    opj_compress -i "$raster" -o "$target" -threads 2 "$@"
}

# In two steps: from quality 90 on, vips writes tiles of RGB without subsampling, which no browser could take as they are.
pyramid() {
    vips tiffsave "$1" "$work/plain.tif" --tile --tile-width 256 --tile-height 256 --pyramid --bigtiff
    tiffcp -m 0 -c jpeg:90 -t -w 256 -l 256 "$work/plain.tif" "$2"
    rm -f "$work/plain.tif"
}

one() {
    size=$1 variant=$2 target=$3
    case $variant in
    tiff) mosaic "$size" && pyramid "$work/$size.ppm" "$target" ;;
    jpeg) mosaic "$size" && vips jpegsave "$work/$size.ppm" "$target" --Q 90 --subsample-mode on ;;
    jpeg-restart) jpegtran -restart 25B -outfile "$target" "$out/$size-jpeg.jpg" ;;
    *) mosaic "$size" && jpeg2000 "$size" "$variant" "$target" ;;
    esac
}

for name in "$@"; do
    size=${name%%-*}
    variant=${name#*-}
    case $variant in
    tiff) file=$name.tif ;;
    jpeg | jpeg-restart) file=$name.jpg ;;
    *) file=$name.jp2 ;;
    esac
    [ -e "$out/$file" ] && continue
    printf '  %-24s' "$name"
    set +e
    (set -e; one "$size" "$variant" "$work/new.${file##*.}") >"$work/log" 2>&1
    status=$?
    set -e
    [ $status = 0 ] || { echo failed >&2; cat "$work/log" >&2; exit 1; }
    mv "$work/new.${file##*.}" "$out/$file"
    du -h "$out/$file" | cut -f1
done
