#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Replays the checked-in corpus: tests/fuzz/replay.sh BUILD TARGET…
# Each input counts; a crash fails the input at which it came and leaves the rest of its target unseen.
set -u
build=$1
shift
passed=0
failed=0
mkdir -p "$build/fuzz/log"
for target in "$@"; do
    log=$build/fuzz/log/$target.replay
    ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 timeout 300 "$build/fuzz/$target" \
        "tests/fuzz/corpus/${target#fuzz_}" >"$log" 2>&1
    status=$?
    seen=$(grep -c '^  tests/fuzz/corpus/' "$log")
    if [ $status = 0 ]; then
        passed=$((passed + seen))
    else
        failed=$((failed + 1))
        [ "$seen" = 0 ] || passed=$((passed + seen - 1))
        echo "FAILED $target (exit $status; $log): $(grep '^  tests/fuzz/corpus/' "$log" | tail -n 1)"
        grep -E 'ERROR|SUMMARY|runtime error|broken promise' "$log" | head -n 5
    fi
    echo "$target: $seen inputs"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
