#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs libFuzzer on each target: tests/fuzz/run.sh BUILD SECONDS TARGET…
# New inputs stay below BUILD/fuzz/found, so that the next run goes on from there; crashes below BUILD/fuzz/findings.
set -u
build=$1
seconds=$2
shift 2
passed=0
failed=0
mkdir -p "$build/fuzz/log" "$build/fuzz/findings"
targets=$*
for target in $targets; do
    name=${target#fuzz_}
    log=$build/fuzz/log/$target.live
    mkdir -p "$build/fuzz/found/$name" "$build/fuzz/seeds/$name"
    set -- -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/fuzz/findings/$name-"
    [ "$name" != decode ] || set -- "$@" -max_len=65536
    [ ! -f "tests/fuzz/dict/$name.dict" ] || set -- "$@" -dict="tests/fuzz/dict/$name.dict"
    if ASAN_OPTIONS=allocator_may_return_null=1 "$build/fuzz/live/$target" "$@" "$build/fuzz/found/$name" \
        "tests/fuzz/corpus/$name" "$build/fuzz/seeds/$name" >"$log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $target ($log):"
        grep -E 'ERROR|SUMMARY|runtime error|broken promise|Test unit written' "$log" | head -n 5
    fi
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: */ /p' "$log" | tail -n 1) runs in $seconds s"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
