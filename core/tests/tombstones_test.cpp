#include "block/tombstones.h"

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <set>

#include "bytes/error.h"

using namespace narthex;

TEST_CASE("intervals stay ascending, disjoint and apart") {
    std::mt19937 random(5);
    for (int round = 0; round < 2000; ++round) {
        Intervals intervals;
        std::set<int64_t> covered;
        for (int k = 0; k < 8; ++k) {
            int64_t a = random() % 40, b = a + random() % 6;
            add_interval(intervals, {a, b});
            for (int64_t t = a; t <= b; ++t) covered.insert(t);
        }
        std::set<int64_t> got;
        for (size_t i = 0; i < intervals.size(); ++i) {
            REQUIRE(intervals[i].mint <= intervals[i].maxt);
            if (i > 0) REQUIRE(intervals[i - 1].maxt + 1 < intervals[i].mint);
            for (int64_t t = intervals[i].mint; t <= intervals[i].maxt; ++t) got.insert(t);
        }
        REQUIRE(got == covered);
    }
}

TEST_CASE("intervals reach to the ends of time") {
    constexpr int64_t low = std::numeric_limits<int64_t>::min(), high = std::numeric_limits<int64_t>::max();
    Intervals intervals;
    add_interval(intervals, {high, high});
    add_interval(intervals, {low, low});
    add_interval(intervals, {0, 5});
    CHECK(intervals == Intervals{{low, low}, {0, 5}, {high, high}});
    add_interval(intervals, {low, high});
    CHECK(intervals == Intervals{{low, high}});
}

TEST_CASE("a tombstones file reads back and every damage is a decode error") {
    Tombstones tombstones;
    tombstones.add(7, {-5, 1000});
    tombstones.add(7, {2000, 3000});
    tombstones.add(1ull << 40, {0, 0});
    auto file = tombstones.encode();
    Tombstones back = Tombstones::decode(file);
    CHECK(back.intervals() == 3);
    CHECK(*back.find(7) == Intervals{{-5, 1000}, {2000, 3000}});
    CHECK(back.find(8) == nullptr);
    for (size_t at = 0; at < file.size(); ++at) {
        auto broken = file;
        broken[at] ^= 0x10;
        CHECK_THROWS_AS(Tombstones::decode(broken), DecodeError);
        broken.resize(at);
        CHECK_THROWS_AS(Tombstones::decode(broken), DecodeError);
    }
}
