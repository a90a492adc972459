#include "chunk/xor.h"

#include <doctest/doctest.h>

#include <limits>
#include <random>

#include "bytes/error.h"
#include "chunk/stale.h"

using namespace narthex;

TEST_CASE("a chunk gives back every bit that was appended") {
    std::mt19937_64 random(1);
    for (int round = 0; round < 200; ++round) {
        XorAppender appender;
        std::vector<int64_t> ts;
        std::vector<uint64_t> vs;
        int64_t t = static_cast<int64_t>(random() % 2000) - 1000;
        double v = 0;
        for (size_t i = 0; i < 1 + random() % 200; ++i) {
            uint64_t step[] = {15000, 15001, random() % 100, random() % 1000000, random() % (1ULL << 40)};
            t += static_cast<int64_t>(step[random() % 5]);
            switch (random() % 5) {
                case 0:
                    v = std::bit_cast<double>(random());
                    break;
                case 1:
                    v = stale_nan();
                    break;
                case 2:
                    v += 1;
                    break;
                default:
                    break;
            }
            appender.append(t, v);
            ts.push_back(t);
            vs.push_back(std::bit_cast<uint64_t>(v));
        }
        std::vector<int64_t> got_t;
        std::vector<double> got_v;
        auto bytes = appender.take();
        xor_decode(bytes, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), got_t,
                   got_v);
        REQUIRE(got_t == ts);
        for (size_t i = 0; i < vs.size(); ++i) REQUIRE(std::bit_cast<uint64_t>(got_v[i]) == vs[i]);
    }
}

TEST_CASE("a cut chunk is a decode error, never a read past the end") {
    XorAppender appender;
    for (int i = 0; i < 100; ++i) appender.append(i * 1000 + i % 7, i * 1.1);
    auto bytes = appender.take();
    for (size_t cut = 0; cut + 1 < bytes.size(); ++cut) {
        std::vector<uint8_t> part(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(cut));
        std::vector<int64_t> ts;
        std::vector<double> vs;
        REQUIRE_THROWS_AS(xor_decode(part, 0, 1 << 30, ts, vs), DecodeError);
    }
}

TEST_CASE("the worked example of docs/formats/chunk-xor.md") {
    XorAppender appender;
    appender.append(1000, 1.0);
    appender.append(2000, 1.0);
    appender.append(3000, 2.0);
    std::vector<uint8_t> want{0x00, 0x03, 0xd0, 0x0f, 0x3f, 0xf0, 0,    0,    0,
                              0,    0,    0,    0xe8, 0x07, 0x30, 0x97, 0xff, 0xc0};
    CHECK(appender.take() == want);
}
