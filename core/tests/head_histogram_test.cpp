#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "chunk/histogram_batch.h"
#include "chunk/histogram_follow.h"
#include "head/head.h"
#include "head/replay.h"
#include "head/transaction.h"
#include "wal/histogram_records.h"

using namespace narthex;

namespace head_histograms {

constexpr int64_t kRange = 7'200'000;

inline HistogramLayout layout_of(std::vector<BucketSpan> positive, int32_t schema = 0) {
    return {schema, 0, std::move(positive), {}, {}};
}

// Integers; the count is what the buckets say.
inline void add(HistogramBatch& batch, const HistogramLayout& layout, std::vector<int64_t> buckets,
                ResetHint hint = ResetHint::kUnknown) {
    std::vector<HistogramCell> cells;
    int64_t count = 0;
    for (int64_t n : buckets) {
        cells.push_back({.i = n});
        count += n;
    }
    HistogramCell counts[1] = {{.i = count}}, zeros[1] = {{.i = 0}};
    double sums[1] = {1.5};
    ResetHint hints[1] = {hint};
    batch.add({layout, false, buckets.size(), 0, counts, zeros, sums, hints, cells});
}

struct One {
    std::shared_ptr<Head> head = std::make_shared<Head>(kRange);
    uint64_t ref;
    std::vector<uint8_t> log;
    int64_t t = 0;

    One() {
        TextPair pairs[] = {{"__name__", "h"}};
        ref = head->series(pairs);
    }
    void append(const HistogramBatch& batch, int64_t step = 15'000) {
        std::vector<uint64_t> refs(batch.size(), ref);
        std::vector<int64_t> ts;
        for (size_t i = 0; i < batch.size(); ++i) ts.push_back(t += step);
        std::vector<uint8_t> statuses(batch.size());
        HeadTransaction tx(head);
        tx.append(refs, ts, batch, {}, statuses);
        for (uint8_t status : statuses) CHECK(status == 0);
        auto bytes = tx.encode(log.size());
        log.insert(log.end(), bytes.begin(), bytes.end());
        CHECK(tx.apply().histograms == batch.size());
    }
    SeriesBatch select() const {
        SeriesBatch out;
        REQUIRE(head->select(head->view(), {}, kMinTime, kMaxTime, out));
        REQUIRE(out.rows() == 1);
        return out;
    }
};

inline std::vector<ResetHint> headers(const SeriesBatch& batch) {
    std::vector<ResetHint> out;
    for (const ChunkView& c : batch.row(0))
        out.push_back(histogram_reset_header({c.data, c.size}, c.encoding));
    return out;
}

TEST_CASE("a chunk takes new buckets in, and begins anew for resets, other grids and gauges") {
    One one;
    HistogramBatch batch;
    add(batch, layout_of({{0, 2}}), {1, 2});
    add(batch, layout_of({{0, 2}, {3, 1}}), {1, 2, 4});  // one bucket more
    add(batch, layout_of({{-1, 1}, {1, 2}, {3, 1}}), {7, 0, 2, 4});
    one.append(batch);
    CHECK(headers(one.select()) == std::vector{ResetHint::kUnknown, ResetHint::kReset});
    HistogramBatch more;
    add(more, layout_of({{-1, 1}, {1, 2}, {3, 1}}), {7, 0, 2, 5});
    add(more, layout_of({{0, 2}}, 1), {9, 9});
    add(more, layout_of({{0, 2}}, 1), {1, 1}, ResetHint::kGauge);
    add(more, layout_of({{0, 2}, {1, 1}}, 1), {0, 1, 5}, ResetHint::kGauge);
    one.append(more);
    SeriesBatch all = one.select();
    CHECK(headers(all) ==
          std::vector{ResetHint::kUnknown, ResetHint::kReset, ResetHint::kUnknown, ResetHint::kGauge});
    HistogramColumns samples;
    decode_histograms(all, 0, kMinTime, kMaxTime, samples);
    REQUIRE(samples.size() == 7);
    HistogramWalk walk(samples);
    CHECK(walk.at(1).layout->width() == 3);
    CHECK(walk.at(0).buckets[2].i == 0);  // written anew with the bucket that came later
    CHECK(walk.at(6).buckets[2].i == 5);

    auto again = std::make_shared<Head>(kRange);
    ReplayCounts counts = HeadReplay(again).segment(one.log, {});
    CHECK(counts.histograms == 7);
    SeriesBatch replayed;
    REQUIRE(again->select(again->view(), {}, kMinTime, kMaxTime, replayed));
    REQUIRE(replayed.chunks.size() == all.chunks.size());
    for (size_t i = 0; i < all.chunks.size(); ++i) {
        const ChunkView &a = all.chunks[i], &b = replayed.chunks[i];
        CHECK(std::equal(a.data, a.data + a.size, b.data, b.data + b.size));
    }
}

TEST_CASE("chunks of histograms are cut near a kilobyte, not before ten samples, and at the range") {
    std::mt19937_64 random(5);
    for (unsigned width : {4u, 40u, 4000u}) {
        One one;
        std::vector<int64_t> buckets(width);
        for (int k = 0; k < 700; ++k) {
            HistogramBatch batch;
            for (int64_t& b : buckets) b += static_cast<int64_t>(random() % 50);
            add(batch, layout_of({{0, width}}), buckets);
            one.append(batch);
        }
        SeriesBatch all = one.select();
        size_t total = 0;
        int64_t before = 0;
        for (const ChunkView& c : all.row(0)) {
            unsigned n = chunk_sample_count({c.data, c.size}, c.encoding);
            total += n;
            bool first_of_range = before / kRange != c.mint / kRange;
            CHECK(c.mint / kRange == c.maxt / kRange);
            if (!first_of_range && c.maxt % kRange < kRange - 10 * 15'000 && c.maxt != one.t) CHECK(n >= 10);
            if (width == 4000) CHECK(n <= 10);
            if (width < 4000) CHECK(c.size < 3 * 1024);
            before = c.maxt;
        }
        CHECK(total == 700);
        HeadStats stats = one.head->stats();
        CHECK(stats.histogram_buckets == width);
        one.head->truncate(kMaxTime);
        CHECK(one.head->stats().histogram_buckets == 0);
        CHECK(one.head->stats().chunks == 0);
    }
}

TEST_CASE("histogram records give back what was put in") {
    HistogramBatch batch;
    add(batch, layout_of({{-3, 2}, {4, 1}}), {5, 0, 9}, ResetHint::kGauge);
    HistogramLayout custom{kCustomBuckets, 0, {{1, 2}}, {}, {0.5, 1, 2}};
    add(batch, custom, {1, 1});
    for (bool second : {false, true}) {
        for (size_t k = 0; k < 2; ++k) {
            HistogramView in = batch.columns().view(batch.columns().runs[k], k);
            HistogramsRecord record(histogram_record(false, k == 1, second));
            std::vector<std::tuple<uint64_t, int64_t, int64_t>> want{
                {7, 100, 40}, {9, 90, 40}, {8, 5, 0}, {8, 6, 41}};
            for (auto& [ref, t, start] : want) {
                record.add(ref, t, start, in);
                if (!second) start = 0;
            }
            decltype(want) got;
            auto use = [&](uint64_t ref, int64_t t, int64_t start, const HistogramView& h) {
                got.emplace_back(ref, t, start);
                CHECK(same_histogram(h, in));
                CHECK(h.hint == in.hint);
                CHECK(*h.layout == *in.layout);
            };
            CHECK(decode_histograms(record.type(), record.bytes().subspan(1), use) == 0);
            CHECK(got == want);
        }
    }
}

TEST_CASE("faulty histograms are told by their kind of fault") {
    auto fault = [](const HistogramLayout& layout, std::vector<int64_t> buckets, size_t positive,
                    int64_t count, double sum = 1, int64_t zeros = 0) {
        std::vector<HistogramCell> cells;
        for (int64_t n : buckets) cells.push_back({.i = n});
        HistogramCell counts[1] = {{.i = count}}, zero[1] = {{.i = zeros}};
        double sums[1] = {sum};
        ResetHint hints[1] = {ResetHint::kUnknown};
        HistogramBatch batch;
        batch.add({layout, false, positive, buckets.size() - positive, counts, zero, sums, hints, cells});
        return batch.fault(0);
    };
    using F = HistogramFault;
    auto custom = [](std::vector<BucketSpan> spans, std::vector<double> bounds) {
        return HistogramLayout{kCustomBuckets, 0, std::move(spans), {}, std::move(bounds)};
    };
    CHECK(fault(layout_of({{0, 2}}), {1, 2}, 2, 3) == F::kNone);
    CHECK(fault(layout_of({{0, 2}}), {1, 2}, 2, 4) == F::kCountMismatch);
    CHECK(fault(layout_of({{0, 2}}), {1, 2}, 2, 4, NAN) == F::kNone);
    CHECK(fault(layout_of({{0, 2}}), {1, 2}, 2, 2, NAN) == F::kCountNotBigEnough);
    CHECK(fault(layout_of({{0, 2}}), {1, -2}, 2, 3) == F::kNegativeBucketCount);
    CHECK(fault(layout_of({{0, 2}, {-1, 1}}), {1, 2, 3}, 3, 6) == F::kSpanNegativeOffset);
    CHECK(fault(layout_of({{0, 3}}), {1, 2}, 2, 3) == F::kSpansBucketsMismatch);
    CHECK(fault(layout_of({{0, 1}}), {1, 2}, 2, 3) == F::kSpansBucketsMismatch);
    CHECK(fault(layout_of({{0x7fffffff, 2}}), {1, 2}, 2, 3) == F::kBucketIndexTooLarge);
    CHECK(fault(layout_of({{0, 2}}, -5), {1, 2}, 2, 3) == F::kInvalidSchema);
    CHECK(fault(layout_of({{0, 2}}, 53), {1, 2}, 2, 3) == F::kInvalidSchema);
    CHECK(fault(layout_of({{0, 2}}, 10), {1, 2}, 2, 3) == F::kNone);
    CHECK(fault(custom({{0, 2}}, {1}), {1, 2}, 2, 3) == F::kNone);
    CHECK(fault(custom({{0, 3}}, {1}), {1, 2, 3}, 3, 6) == F::kCustomBucketsMismatch);
    CHECK(fault(custom({{0, 2}}, {1, 1}), {1, 2}, 2, 3) == F::kCustomBucketsInvalid);
    CHECK(fault(custom({{0, 2}}, {1, INFINITY}), {1, 2}, 2, 3) == F::kCustomBucketsInfinite);
    CHECK(fault(custom({{0, 2}}, {NAN}), {1, 2}, 2, 3) == F::kCustomBucketsNaN);
    CHECK(fault(custom({{0, 2}}, {1}), {1, 2}, 2, 4, 1, 1) == F::kCustomBucketsZeroCount);
    HistogramLayout odd = custom({{0, 2}}, {1});
    odd.zero_threshold = 1;
    CHECK(fault(odd, {1, 2}, 2, 3) == F::kCustomBucketsZeroThreshold);
    odd = custom({{0, 1}}, {1});
    CHECK(fault(odd, {1, 2}, 1, 3) == F::kCustomBucketsNegativeBuckets);
    odd.negative = {{0, 1}};
    CHECK(fault(odd, {1, 2}, 1, 3) == F::kCustomBucketsNegativeSpans);
    odd = layout_of({{0, 2}});
    odd.bounds = {1};
    CHECK(fault(odd, {1, 2}, 2, 3) == F::kExponentialCustomBounds);
}

}  // namespace head_histograms
