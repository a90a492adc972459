#!/bin/sh
# Builds the core's unit tests and fuzz targets under AddressSanitizer and UndefinedBehaviorSanitizer and runs them.
set -e
cd "$(dirname "$0")/../.."
tests=ON
if ! echo '#include <doctest/doctest.h>' | c++ -x c++ -E - >/dev/null 2>&1; then
    echo "core unit tests SKIPPED: doctest is not installed (Debian: apt-get install doctest-dev)"
    tests=OFF
fi
cmake -S . -B build/core-tests -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DNARTHEX_BINDINGS=OFF \
    -DNARTHEX_CORE_TESTS=$tests -DNARTHEX_FUZZ=ON -DNARTHEX_SANITIZE=ON -DNARTHEX_UI=off >build/core-tests.log 2>&1 ||
    { cat build/core-tests.log; exit 1; }
cmake --build build/core-tests >build/core-tests.log 2>&1 || { cat build/core-tests.log; exit 1; }
[ $tests = OFF ] || build/core-tests/core_tests
for target in build/core-tests/fuzz_*; do
    name=$(basename "$target")
    [ -x "$target" ] && [ -f "$target" ] || continue
    seeds=$(find "core/fuzz/seeds/${name#fuzz_}" -type f 2>/dev/null || true)
    $target $seeds
done
