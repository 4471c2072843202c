#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs test stages one after the other and adds up what they count:
#   tests/check.sh BUILD STAGE…        stages: guards unit asan corpus pixel itest prefork asan_httpd browser
# Every stage runs, whatever an earlier one said. The last line is `N passed, N failed`.
set -u

build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
cd "$top" || exit 2
mkdir -p "$build/check"
build=$(cd "$build" && pwd)
export BUILD="$build" IIIF_RENDER="$build/iiif-render"
PYTHON=${PYTHON:-/usr/bin/python3}
MAKE=${MAKE:-make}
passed=0
failed=0

# count PASSED FAILED
count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
}

# From a log whose last matching line is `N passed, N failed`.
count_plain() {
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1)
    if [ -z "$line" ]; then
        echo "  no count: taken as a failure (see $1)"
        count 0 1
    else
        # shellcheck disable=SC2086
        set -- $line
        count "$1" "$3"
    fi
}

# One cmocka binary; a crash or a run without a summary is a failure.
unit_one() {
    log=$build/check/$(basename "$1").$2.log
    timeout 600 "$1" >"$log" 2>&1
    status=$?
    good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s)\..*/\1/p' "$log" | tail -n 1)
    bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s).*/\1/p' "$log" | tail -n 1)
    [ $status = 0 ] || [ -n "$bad" ] || bad=1
    [ -n "$good$bad" ] || bad=1
    if [ "${bad:-0}" != 0 ]; then
        echo "FAILED $(basename "$1") ($2, exit $status):"
        grep -E 'FAILED|ERROR|Error|rror:|SUMMARY' "$log" | head -n 20
    fi
    count "${good:-0}" "${bad:-0}"
}

unit_all() {
    for binary in "$1"/unit/test_*; do
        case $binary in
        *.d | *.o) ;;
        *) [ -x "$binary" ] && unit_one "$binary" "$2" ;;
        esac
    done
}

stage_unit() {
    if $MAKE -s -f apxs.mk BUILD="$build" unit-build; then unit_all "$build" unit; else count 0 1; fi
}

stage_asan() {
    if $MAKE -s -f apxs.mk BUILD="$build/asan" SANITIZE=address,undefined OPT="-O1 -g" unit-build; then
        ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
            unit_all "$build/asan" asan
    else
        count 0 1
    fi
}

run_logged() {
    log=$build/check/$1.log
    shift
    "$@" >"$log" 2>&1
    status=$?
    if [ $status != 0 ]; then tail -n 60 "$log"; fi
}

stage_guards() {
    run_logged guards sh tests/guards/run "$build"
    count_plain "$log"
}

stage_corpus() {
    run_logged corpus $MAKE -s -f apxs.mk BUILD="$build" corpus
    count_plain "$log"
}

# pytest says `3 failed, 20 passed, 1 skipped, 2 errors in 4s`; errors are failures, and so is a run without tests.
pytest_stage() {
    name=$1
    shift
    run_logged "$name" "$PYTHON" -m pytest -q -p no:cacheprovider --tb=short "$@"
    line=$(tail -n 1 "$log")
    good=$(printf '%s\n' "$line" | sed -n 's/.*\b\([0-9][0-9]*\) passed.*/\1/p')
    bad=$(printf '%s\n' "$line" | sed -n 's/.*\b\([0-9][0-9]*\) failed.*/\1/p')
    wrong=$(printf '%s\n' "$line" | sed -n 's/.*\b\([0-9][0-9]*\) error.*/\1/p')
    skipped=$(printf '%s\n' "$line" | sed -n 's/.*\b\([0-9][0-9]*\) skipped.*/\1/p')
    [ "${skipped:-0}" = 0 ] || { echo "  $skipped skipped:"; grep -i skip "$log" | head -n 10; }
    [ $status = 0 ] || [ -n "$bad$wrong" ] || bad=1
    count "${good:-0}" $((${bad:-0} + ${wrong:-0}))
}

stage_pixel() { pytest_stage pixel tests/pixel; }
stage_itest() { pytest_stage itest tests/itest; }
# What the process model could change, once more under the other one.
stage_prefork() { MPM=prefork pytest_stage prefork tests/itest/test_requests.py tests/itest/test_http.py tests/itest/test_busy.py tests/itest/test_pixel_cache.py; }

stage_asan_httpd() {
    run_logged asan_httpd sh tests/itest/run_asan "$build"
    count_plain "$log"
}

stage_browser() {
    run_logged browser sh tests/browser/run "$build"
    count_plain "$log"
}

for stage in "$@"; do
    began=$(date +%s)
    before=$passed
    before_failed=$failed
    "stage_$stage"
    echo "$stage: $((passed - before)) passed, $((failed - before_failed)) failed in $(($(date +%s) - began)) s"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
