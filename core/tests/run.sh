#!/bin/sh
# Builds and runs the core's unit tests under AddressSanitizer and UndefinedBehaviorSanitizer.
set -e
cd "$(dirname "$0")/../.."
if ! echo '#include <doctest/doctest.h>' | c++ -x c++ -E - >/dev/null 2>&1; then
    echo "core unit tests SKIPPED: doctest is not installed (Debian: apt-get install doctest-dev)"
    exit 0
fi
cmake -S . -B build/core-tests -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DNARTHEX_BINDINGS=OFF \
    -DNARTHEX_CORE_TESTS=ON -DNARTHEX_SANITIZE=ON -DNARTHEX_UI=off >build/core-tests.log 2>&1 ||
    { cat build/core-tests.log; exit 1; }
cmake --build build/core-tests --target core_tests
build/core-tests/core_tests
