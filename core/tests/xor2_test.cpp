#include "chunk/xor2.h"

#include <doctest/doctest.h>

#include <limits>
#include <random>

#include "bytes/error.h"
#include "chunk/sample_buffer.h"
#include "chunk/stale.h"

using namespace narthex;

namespace {

struct Xor2Samples {
    std::vector<int64_t> t, start;
    std::vector<uint64_t> v;
    bool operator==(const Xor2Samples&) const = default;
};

Xor2Samples decode_xor2(std::span<const uint8_t> chunk, int64_t mint = std::numeric_limits<int64_t>::min(),
                        int64_t maxt = std::numeric_limits<int64_t>::max()) {
    // A copy of exactly the right size: the sanitizer sees every read past the end.
    std::vector<uint8_t> exact(chunk.begin(), chunk.end());
    SampleBuffer buffer;
    Xor2Samples out;
    xor2_decode(exact, mint, maxt, buffer, &out.start);
    for (size_t k = 0; k < buffer.size(); ++k) {
        out.t.push_back(buffer.times()[k]);
        out.v.push_back(std::bit_cast<uint64_t>(buffer.values()[k]));
    }
    return out;
}

}  // namespace

TEST_CASE("an XOR2 chunk gives back every bit that was appended") {
    std::mt19937_64 random(2);
    for (int round = 0; round < 300; ++round) {
        Xor2Appender appender;
        Xor2Samples want;
        int64_t t = static_cast<int64_t>(random() % 2000) - 1000, start = 0;
        double v = 0;
        for (size_t i = 0, n = 1 + random() % 200; i < n; ++i) {
            uint64_t step[] = {15000, 15000, 15001, random() % 10000, random() % 1000000, random() >> 8};
            t = static_cast<int64_t>(static_cast<uint64_t>(t) + step[random() % 6]);
            double values[] = {v, v, v + 1, stale_nan(), std::bit_cast<double>(random())};
            v = values[random() % 5];
            if (round % 3 > 0 && random() % 8 == 0) start = static_cast<int64_t>(random() >> random() % 63);
            if (round % 3 == 2) start = t - 15000;
            appender.append(t, v, start);
            want.t.push_back(t);
            want.start.push_back(start);
            want.v.push_back(std::bit_cast<uint64_t>(v));
        }
        REQUIRE(appender.samples() == want.t.size());
        REQUIRE(decode_xor2(appender.bytes()) == want);
    }
}

TEST_CASE("times and start times at the ends of their range wrap, they do not overflow") {
    constexpr int64_t kFirst = std::numeric_limits<int64_t>::min(),
                      kLast = std::numeric_limits<int64_t>::max();
    Xor2Appender appender;
    Xor2Samples want{{kLast, kFirst, 0, kLast, kFirst}, {kFirst, kLast, kFirst, 1, kLast}, {0, 0, 0, 0, 0}};
    for (size_t k = 0; k < want.t.size(); ++k) appender.append(want.t[k], 0, want.start[k]);
    CHECK(decode_xor2(appender.bytes()).start == std::vector<int64_t>{kFirst, kLast, kFirst, 1, kLast});
    // A decoder stops at the first time after its range; none is after kLast.
    CHECK(decode_xor2(appender.bytes()) == want);
}

TEST_CASE("a cut XOR2 chunk is a decode error, never a read past the end") {
    Xor2Appender appender;
    for (int i = 0; i < 150; ++i) appender.append(i * 1000 + i % 7, i * 1.1, i * 10);
    auto bytes = appender.take();
    for (size_t cut = 0; cut < bytes.size(); ++cut)
        REQUIRE_THROWS_AS(decode_xor2(std::span(bytes).first(cut)), DecodeError);
}

TEST_CASE("a range is cut out of an XOR2 chunk, start times included") {
    Xor2Appender appender;
    for (int i = 0; i < 10; ++i) appender.append(i * 10, i, i < 5 ? 1 : 2);
    Xor2Samples got = decode_xor2(appender.bytes(), 35, 60);
    CHECK(got.t == std::vector<int64_t>{40, 50, 60});
    CHECK(got.start == std::vector<int64_t>{1, 2, 2});
}

TEST_CASE("the worked example of docs/formats/chunk-xor2.md") {
    Xor2Appender appender;
    appender.append(1000, 1.0, 500);
    appender.append(2000, 1.0, 500);
    appender.append(3000, 2.0, 500);
    appender.append(4000, 2.0, 500);
    appender.append(5500, 2.5, 4000);
    appender.append(7000, stale_nan(), 4000);
    std::vector<uint8_t> want{0x00, 0x06, 0x84, 0xd0, 0x0f, 0x3f, 0xf0, 0x00, 0x00, 0x00,
                              0x00, 0x00, 0x00, 0xe8, 0x07, 0xe8, 0x07, 0x50, 0x97, 0xff,
                              0xd8, 0x3e, 0x99, 0xa0, 0xdf, 0xf2, 0xee, 0x00};
    CHECK(appender.take() == want);
}
