#include "chunk/histogram.h"

#include <doctest/doctest.h>

#include <bit>
#include <limits>
#include <random>

#include "bytes/error.h"
#include "chunk/histogram_cut.h"

using namespace narthex;

namespace {

HistogramColumns decode_histogram(std::span<const uint8_t> chunk, uint8_t encoding) {
    // A copy of exactly the right size: the sanitizer sees every read past the end.
    std::vector<uint8_t> exact(chunk.begin(), chunk.end());
    HistogramColumns out;
    histogram_decode(exact, encoding, std::numeric_limits<int64_t>::min(),
                     std::numeric_limits<int64_t>::max(), out);
    return out;
}

HistogramCell number(uint64_t n, bool floats) {
    HistogramCell c;
    if (floats) {
        c.f = static_cast<double>(n) / 8;
    } else {
        c.i = static_cast<int64_t>(n);
    }
    return c;
}

// Random samples with few layouts, growing, sometimes reset, with stale markers and start times.
HistogramColumns random_samples(std::mt19937_64& random, bool floats) {
    auto side = [&] {
        std::vector<BucketSpan> out;
        for (size_t n = random() % 3; n > 0; --n)
            out.push_back({static_cast<int32_t>(random() % 4), static_cast<uint32_t>(random() % 4)});
        return out;
    };
    std::vector<HistogramLayout> layouts;
    for (int k = 0; k < 2; ++k)
        layouts.push_back({static_cast<int32_t>(random() % 2), 0.001, side(), side(), {}});
    layouts.push_back({kCustomBuckets, 0, {{0, 2}}, {}, {0.5, 1, 1.0 / 3 + 1}});
    HistogramColumns out;
    int64_t t = 1700000000000, start = 0;
    uint64_t base = random() % 1000;
    size_t layout = 0;
    for (size_t n = 1 + random() % 60; n > 0; --n) {
        t += random() % 3 == 0 ? static_cast<int64_t>(random() % 1000000) : 15000;
        if (random() % 6 == 0) layout = random() % layouts.size();
        if (random() % 6 == 0) start = random() % 2 == 0 ? 0 : t - 1000;
        if (random() % 10 == 0) {
            out.push(out.use_layout({}), floats, t, start, {}, {}, stale_nan(), ResetHint::kUnknown);
            continue;
        }
        base = random() % 12 == 0 ? 0 : base + random() % 50;
        auto hint = random() % 20 == 0   ? ResetHint::kReset
                    : random() % 10 == 0 ? ResetHint::kGauge
                                         : ResetHint::kUnknown;
        auto to = out.push(out.use_layout(layouts[layout]), floats, t, start, number(base + 100, floats),
                           number(base / 3, floats), static_cast<double>(random() % 1000) / 7, hint);
        for (HistogramCell& c : to) c = number(base + random() % 3 * (random() % 4), floats);
    }
    return out;
}

// A count by bucket index: layouts may have grown.
std::vector<uint64_t> dense(const HistogramColumns& samples, size_t k) {
    const HistogramRun& run = samples.run_of(k);
    const HistogramLayout& layout = samples.layouts[run.layout];
    auto buckets = samples.buckets(run, k);
    std::vector<uint64_t> out(80);
    size_t at = 0;
    for (int32_t i : bucket_indices(layout.positive)) out[i] = std::bit_cast<uint64_t>(buckets[at++]);
    for (int32_t i : bucket_indices(layout.negative)) out[40 + i] = std::bit_cast<uint64_t>(buckets[at++]);
    return out;
}

HistogramColumns one_chunk(bool floats, size_t n, bool stale_end = false) {
    HistogramColumns out;
    HistogramLayout layout{3, 0.25, {{-2, 2}, {1, 3}}, {{0, 1}}, {}};
    for (size_t k = 0; k < n; ++k) {
        if (stale_end && k + 1 == n) {
            out.push(out.use_layout({}), floats, static_cast<int64_t>(k * 1000), 7, {}, {}, stale_nan(),
                     ResetHint::kUnknown);
            break;
        }
        auto to = out.push(out.use_layout(layout), floats, static_cast<int64_t>(k * 1000 + k % 3), 7,
                           number(k * 20, floats), number(k, floats), static_cast<double>(k) * 1.7,
                           ResetHint::kUnknown);
        for (size_t b = 0; b < to.size(); ++b) to[b] = number(k * b * b, floats);
    }
    return out;
}

}  // namespace

TEST_CASE("histograms that were cut into chunks come back bit by bit") {
    std::mt19937_64 random(3);
    for (int round = 0; round < 400; ++round) {
        bool floats = round % 2 == 1;
        HistogramColumns samples = random_samples(random, floats);
        auto parts = cut_histograms(samples, 16);
        size_t next = 0;
        for (const HistogramPart& part : parts) {
            REQUIRE(part.first == next);
            REQUIRE(part.last - part.first <= 16);
            next = part.last;
            auto chunk = encode_part(samples, part);
            REQUIRE(histogram_reset_header(chunk, part.encoding) == part.header);
            REQUIRE(chunk_sample_count(chunk, part.encoding) == part.last - part.first);
            HistogramColumns got = decode_histogram(chunk, part.encoding);
            REQUIRE(got.size() == part.last - part.first);
            for (size_t k = 0; k < got.size(); ++k) {
                size_t from = part.first + k;
                REQUIRE(got.times[k] == samples.times[from]);
                REQUIRE(got.start_times[k] == samples.start_times[from]);
                REQUIRE(std::bit_cast<uint64_t>(got.sums[k]) == std::bit_cast<uint64_t>(samples.sums[from]));
                if (samples.is_stale_at(from)) continue;
                REQUIRE(std::bit_cast<uint64_t>(got.counts[k]) ==
                        std::bit_cast<uint64_t>(samples.counts[from]));
                REQUIRE(std::bit_cast<uint64_t>(got.zero_counts[k]) ==
                        std::bit_cast<uint64_t>(samples.zero_counts[from]));
                REQUIRE(dense(got, k) == dense(samples, from));
                ResetHint hint = part.header == ResetHint::kGauge ? ResetHint::kGauge
                                 : k == 0                         ? ResetHint::kUnknown
                                                                  : ResetHint::kNotReset;
                REQUIRE(got.hints[k] == hint);
            }
        }
        REQUIRE(next == samples.size());
    }
}

TEST_CASE("a part begins where a counter went back, and says so") {
    HistogramColumns samples;
    uint32_t layout = samples.use_layout({0, 0, {{0, 2}}, {}, {}});
    auto push = [&](int64_t t, int64_t count, int64_t a, int64_t b) {
        auto to = samples.push(layout, false, t, 0, {.i = count}, {}, 0, ResetHint::kUnknown);
        to[0].i = a;
        to[1].i = b;
    };
    push(1, 10, 4, 6);
    push(2, 12, 5, 7);
    push(3, 14, 4, 10);  // a bucket went back though the count did not
    push(4, 14, 4, 10);
    auto parts = cut_histograms(samples, 120);
    REQUIRE(parts.size() == 2);
    CHECK(parts[0].header == ResetHint::kUnknown);
    CHECK(parts[1].first == 2);
    CHECK(parts[1].header == ResetHint::kReset);
}

TEST_CASE("a cut or damaged histogram chunk is a decode error or other samples, never a read past the end") {
    std::mt19937_64 random(4);
    for (uint8_t encoding : {2, 3, 5, 6}) {
        HistogramColumns samples = one_chunk(is_float_histogram(encoding), 30, true);
        auto chunk = encode_part(samples, {0, 30, encoding, ResetHint::kUnknown, samples.layouts[0]});
        REQUIRE(decode_histogram(chunk, encoding).size() == 30);
        for (size_t cut = 0; cut + 1 < chunk.size(); ++cut)
            REQUIRE_THROWS_AS(decode_histogram(std::span(chunk).first(cut), encoding), DecodeError);
        for (int round = 0; round < 3000; ++round) {
            auto broken = chunk;
            for (size_t n = 1 + random() % 3; n > 0; --n)
                broken[random() % broken.size()] ^= static_cast<uint8_t>(1u << random() % 8);
            try {
                HistogramColumns got = decode_histogram(broken, encoding);
                REQUIRE(got.cells.size() <= broken.size() * 8);
            } catch (const DecodeError&) {
            }
        }
    }
}

TEST_CASE("stale markers behind a wide layout do not ask for memory that no bits stand for") {
    HistogramLayout wide{0, 0, {{0, 20000}}, {}, {}};
    HistogramAppender appender(kEncodingHistogram, ResetHint::kUnknown, wide);
    std::vector<HistogramCell> zeros(20000);
    appender.append({1, 0, {}, {}, 0, zeros});
    for (int k = 0; k < 60000; ++k) appender.append({2 + k, 0, {}, {}, stale_nan(), {}});
    HistogramColumns got = decode_histogram(appender.bytes(), kEncodingHistogram);
    CHECK(got.size() == 60001);
    CHECK(got.cells.size() == 20000);
}

TEST_CASE("layouts that make no sense are refused") {
    auto refused = [](HistogramLayout layout) {
        for (uint8_t encoding : {2, 3}) {
            HistogramAppender appender(encoding, ResetHint::kUnknown, layout);
            std::vector<HistogramCell> zeros(layout.width());
            appender.append({1, 0, {}, {}, 0, zeros});
            CHECK_THROWS_AS(decode_histogram(appender.bytes(), encoding), DecodeError);
        }
    };
    refused({53, 0, {}, {}, {}});
    refused({-10, 0, {}, {}, {}});
    refused({-52, 0, {}, {}, {}});
    refused({0, 0, {{0, 1}, {-1, 1}}, {}, {}});
    refused({0, 0, {}, {{3, 1}, {-3, 1}}, {}});
    refused({0, 0, {{std::numeric_limits<int32_t>::max(), 2}}, {}, {}});
    refused({kCustomBuckets, 0, {{0, 3}}, {}, {1}});
    refused({kCustomBuckets, 0, {{-1, 1}}, {}, {1, 2}});
    refused({kCustomBuckets, 0, {{0, 1}}, {{0, 1}}, {1, 2}});
    refused({kCustomBuckets, 0, {{0, 1}}, {}, {2, 1}});
    refused({kCustomBuckets, 0, {{0, 1}}, {}, {1, 1}});
    refused({kCustomBuckets, 0, {{0, 1}}, {}, {std::numeric_limits<double>::quiet_NaN()}});
}

TEST_CASE("finer schemas than 8 are reduced to it") {
    // Schema 10: four buckets become one; bucket i of schema 8 holds the fine ones 4i - 3 to 4i.
    HistogramLayout fine{10, 0.5, {{-4, 6}, {10, 2}}, {{1, 4}}, {}};
    HistogramAppender appender(kEncodingHistogram, ResetHint::kUnknown, fine);
    std::vector<HistogramCell> cells(12);
    for (size_t k = 0; k < 12; ++k) cells[k].i = int64_t{1} << k;
    appender.append({1, 0, {.i = 5000}, {.i = 3}, 1.5, cells});
    HistogramColumns got = decode_histogram(appender.bytes(), kEncodingHistogram);
    const HistogramLayout& layout = got.layouts[got.runs[0].layout];
    CHECK(layout.schema == 8);
    CHECK(layout.zero_threshold == 0.5);
    // -4 | -3 -2 -1 0 | 1; then 12 | 13; negative 1 2 3 4.
    CHECK(layout.positive == std::vector<BucketSpan>{{-1, 3}, {1, 2}});
    CHECK(layout.negative == std::vector<BucketSpan>{{1, 1}});
    std::vector<int64_t> buckets;
    for (HistogramCell c : got.buckets(got.runs[0], 0)) buckets.push_back(c.i);
    CHECK(buckets == std::vector<int64_t>{1, 2 + 4 + 8 + 16, 32, 64, 128, 256 + 512 + 1024 + 2048});
}

TEST_CASE("integer columns become the floats that queries compute with") {
    HistogramColumns samples = one_chunk(false, 3);
    samples.counts[1].i = static_cast<int64_t>(std::numeric_limits<uint64_t>::max());
    samples.to_floats();
    CHECK(samples.counts[1].f == 18446744073709551616.0);
    CHECK(samples.zero_counts[2].f == 2);
    CHECK(samples.buckets(samples.runs[0], 2)[3].f == 18);
    samples.to_floats();
    CHECK(samples.zero_counts[2].f == 2);
}

TEST_CASE("the worked examples of docs/formats/chunk-histogram.md") {
    HistogramLayout custom{kCustomBuckets, 0, {{0, 3}}, {}, {0.25, 1.0 / 3}};
    HistogramAppender appender(kEncodingHistogramST, ResetHint::kUnknown, custom);
    auto cells = [](std::initializer_list<int64_t> counts) {
        std::vector<HistogramCell> out;
        for (int64_t n : counts) out.push_back({.i = n});
        return out;
    };
    appender.append({1000, 400, {.i = 6}, {}, 2.0, cells({1, 2, 3})});
    appender.append({2000, 400, {.i = 8}, {}, 2.5, cells({2, 2, 4})});
    appender.append({3000, 2900, {.i = 9}, {}, 2.75, cells({3, 2, 4})});
    std::vector<uint8_t> want{0x00, 0x03, 0x82, 0x00, 0xee, 0x5c, 0x66, 0x4b, 0x9f, 0x63, 0xfd, 0x55,
                              0x55, 0x55, 0x55, 0x55, 0x55, 0x5f, 0x1f, 0x45, 0x88, 0x00, 0x00, 0x00,
                              0x00, 0x00, 0x00, 0x00, 0x11, 0x8c, 0x6c, 0x02, 0x7c, 0x7d, 0x12, 0x6d,
                              0x07, 0x1b, 0xc5, 0x76, 0xe0, 0x65, 0xfd, 0x8f, 0x80};
    CHECK(appender.take() == want);
}
