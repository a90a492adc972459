#include "bytes/snappy.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <random>
#include <string>

#include "bytes/error.h"
#include "wal/records.h"
#include "wal/sample_snappy.h"

using namespace narthex;

namespace {

std::vector<uint8_t> bytes(std::string_view s) {
    return {s.begin(), s.end()};
}

std::vector<uint8_t> decode(const std::vector<uint8_t>& packed, size_t limit = 1 << 24) {
    std::vector<uint8_t> out;
    snappy_decode(packed, limit, out);
    return out;
}

// A record of `count` samples as targets give them: counters of all sizes, gauges that stand still,
// fractions.
std::vector<uint8_t> samples(std::mt19937_64& random, size_t count, bool late) {
    SamplesRecord record(count);
    double still[4] = {0, 1, 0.25, 1e9};
    for (size_t i = 0; i < count; ++i) {
        double values[] = {std::floor(std::exp2(static_cast<double>(random() % 40))),
                           static_cast<double>(random() % 100000), still[random() % 4],
                           static_cast<double>(random() % 100000) / 100,
                           static_cast<double>(random()) * 1e-19};
        int64_t t =
            1'700'000'000'000 - (late && random() % 3 == 0 ? static_cast<int64_t>(random() % 9999999) : 0);
        record.add(1000 + i * (1 + random() % 2), t, std::bit_cast<uint64_t>(values[random() % 5]));
    }
    return {record.bytes().begin(), record.bytes().end()};
}

std::vector<uint8_t> pack_samples(std::span<const uint8_t> record) {
    std::vector<uint8_t> packed;
    snappy_encode_samples(record, packed);
    return packed;
}

}  // namespace

TEST_CASE("records of samples come back, and are about as long as from the encoder for any text") {
    std::mt19937_64 random(8);
    for (size_t count : {1u, 2u, 5u, 23u, 100u, 2000u, 6000u, 30000u}) {
        for (bool late : {false, true}) {
            auto record = samples(random, count, late);
            auto packed = pack_samples(record);
            REQUIRE(decode(packed) == record);
            std::vector<uint8_t> other;
            snappy_encode(record, other);
            if (!late && count >= 100) CHECK(packed.size() <= other.size() + other.size() / 20);
        }
    }
}

TEST_CASE("bytes that only claim to be a record of samples come back too") {
    std::mt19937_64 random(9);
    for (size_t size : {0u, 1u, 16u, 17u, 56u, 57u, 58u, 90u, 300u, 70000u, 200000u}) {
        for (unsigned shape : {0u, 1u, 2u, 3u}) {
            std::vector<uint8_t> plain(size);
            for (uint8_t& b : plain) {
                b = shape == 0   ? 0
                    : shape == 1 ? 0xff
                                 : static_cast<uint8_t>(shape == 2 ? random() : random() % 2 * 0x80);
            }
            REQUIRE(decode(pack_samples(plain)) == plain);
        }
    }
}

TEST_CASE("text of every shape comes back") {
    std::mt19937_64 random(5);
    for (size_t size : {0u, 1u, 3u, 15u, 16u, 17u, 59u, 60u, 61u, 255u, 256u, 257u, 4000u, 65535u, 65536u,
                        65537u, 300000u}) {
        for (int shape = 0; shape < 4; ++shape) {
            std::vector<uint8_t> plain(size);
            for (size_t i = 0; i < size; ++i) {
                if (shape == 0) plain[i] = static_cast<uint8_t>(random());
                if (shape == 1) plain[i] = 'a';
                if (shape == 2) plain[i] = static_cast<uint8_t>(i % 12 < 9 ? i % 12 : random());
                if (shape == 3) plain[i] = static_cast<uint8_t>("abcabdabe"[random() % 9]);
            }
            std::vector<uint8_t> packed;
            snappy_encode(plain, packed);
            REQUIRE(decode(packed) == plain);
            if (shape == 1 && size > 1000) CHECK(packed.size() < size / 15);
        }
    }
}

TEST_CASE("elements of the format description decode as described") {
    // length 15: literal "abcd", copy of 8 from offset 4 (one-byte offset), copy of 3 from offset 2 (two
    // bytes)
    std::vector<uint8_t> packed{15, 3 << 2, 'a', 'b', 'c', 'd', (8 - 4) << 2 | 1, 4, (3 - 1) << 2 | 2, 2, 0};
    CHECK(decode(packed) == bytes("abcdabcdabcdcdc"));
    // a literal whose length takes two extra bytes, and a copy with a four-byte offset
    std::vector<uint8_t> longer{0xb0, 0x02, 61 << 2, 0x2b, 0x01};
    longer.insert(longer.end(), 300, 'z');
    longer.insert(longer.end(), {(4 - 1) << 2 | 3, 44, 1, 0, 0});
    CHECK(decode(longer) == std::vector<uint8_t>(304, 'z'));
}

TEST_CASE("malformed input is an error before it costs memory") {
    std::vector<uint8_t> out;
    CHECK_THROWS_AS(decode({0xff, 0xff, 0xff, 0xff, 0x0f, 0}), DecodeError);  // says 4 GiB
    CHECK_THROWS_AS(decode({100, 0, 'a'}), DecodeError);                      // more than it could give
    CHECK_THROWS_AS(decode({4, 3 << 2, 'a', 'b'}), DecodeError);              // literal is cut
    CHECK_THROWS_AS(decode({5, 0, 'a', 1 | 0 << 2, 2}), DecodeError);         // offset before the start
    CHECK_THROWS_AS(decode({5, 0, 'a', 1 | 0 << 2, 0}), DecodeError);         // offset 0
    CHECK_THROWS_AS(decode({2, 0, 'a'}), DecodeError);                        // too short
    CHECK_THROWS_AS(decode({2, 2 << 2, 'a', 'b', 'c'}), DecodeError);         // too long
    CHECK_THROWS_AS(snappy_decode(std::vector<uint8_t>{3, 2 << 2, 'a', 'b', 'c'}, 2, out), DecodeError);
}
