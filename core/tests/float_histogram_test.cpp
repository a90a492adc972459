#include "histogram/float_histogram.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "histogram/accumulate.h"
#include "histogram/bucket_walk.h"
#include "histogram/combine.h"
#include "histogram/estimate.h"
#include "histogram/reset.h"

using namespace narthex;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

FloatHistogram made(int32_t schema, std::initializer_list<std::pair<int32_t, double>> positive) {
    FloatHistogram h;
    h.schema = schema;
    for (auto [index, count] : positive) {
        h.positive.push(index, count);
        h.count += count;
    }
    h.sum = h.count;
    return h;
}

}  // namespace

TEST_CASE("bounds have the digits that Prometheus shows") {
    CHECK(exponential_bound(1, 3) == 1.0905077326652577);
    CHECK(exponential_bound(-1, 1) == 0.7071067811865475);
    CHECK(exponential_bound(3, 2) == 1.6817928305074288);
    CHECK(exponential_bound(255, 8) == 2 * 0.9972960560854698);
    CHECK(exponential_bound(0, 8) == 1);
    CHECK(exponential_bound(2, -2) == 256);
}

TEST_CASE("the last bucket of finite values ends at the greatest of them, and bounds past it are infinite") {
    for (int32_t schema = kMinSchema; schema <= kMaxSchema; ++schema) {
        int64_t last = schema < 0 ? std::max<int64_t>(1024 >> -schema, 1) : int64_t{1024} << schema;
        CHECK(exponential_bound(last, schema) == std::numeric_limits<double>::max());
        CHECK(exponential_bound(last + 1, schema) == kInf);
        CHECK(exponential_bound(std::numeric_limits<int32_t>::max(), schema) == kInf);
        CHECK(exponential_bound(int64_t{std::numeric_limits<int32_t>::min()} - 1, schema) == 0);
    }
}

TEST_CASE("samples in columns are viewed where they are and equal their copies") {
    HistogramLayout layout{2, 0.5, {{-3, 2}, {0, 1}, {4, 1}}, {{7, 1}}, {}};
    HistogramColumns columns;
    std::vector<HistogramCell> cells(5);
    for (int k = 0; k < 5; ++k) cells[static_cast<size_t>(k)].i = k;
    HistogramCell count, zero;
    count.i = -1;  // 2^64 - 1 as the counts of observations are unsigned
    zero.i = 3;
    HistogramView sample{&layout, false, ResetHint::kReset, count, zero, 1.5, cells};
    FloatHistogram copy;
    copy.assign(sample);
    columns.push(1, 0, sample);
    columns.push(2, 0, stale_histogram(false));
    columns.push(3, 0, sample);
    columns.to_floats();
    FloatHistogramSamples samples(columns);
    for (size_t k : {0, 2, 0}) {
        FloatHistogramView view = samples.at(k);
        CHECK(view.equals(copy.view()));
        CHECK(view.hint == ResetHint::kReset);
        CHECK(view.count == 0x1p64);
        CHECK(view.positive.runs.size() == 2);  // the spans that touch are one
        CHECK(view.negative.counts[0] == 4);
    }
    CHECK(is_stale(samples.at(1).sum));
    CHECK(samples.at(1).positive.counts.empty());
}

TEST_CASE("custom buckets have no zero bucket whatever damaged data say") {
    HistogramLayout layout{kCustomBuckets, 0.5, {{0, 1}}, {}, {1}};
    HistogramCell three;
    three.f = 3;
    HistogramColumns columns;
    HistogramView sample{&layout, true, ResetHint::kUnknown, three, three, 1.5, {&three, 1}};
    columns.push(1, 0, sample);
    FloatHistogram copy;
    copy.assign(sample);
    FloatHistogramSamples samples(columns);
    for (const FloatHistogramView& h : {copy.view(), samples.at(0)}) {
        CHECK(h.zero_count == 0);
        CHECK(h.zero_threshold == 0);
        CHECK(h.bounds().size() == 1);
    }
}

TEST_CASE("values of one layout are added without moving a bucket") {
    FloatHistogram a = made(3, {{-2, 1}, {-1, 2}, {9, 3}}), b = made(3, {{-1, 2}, {9, 1}});
    const double* counts = a.positive.counts.data();
    for (int k = 0; k < 10; ++k) add(a, b.view());
    CHECK(a.positive.counts.data() == counts);
    CHECK(a.positive.counts == std::vector<double>{1, 22, 13});
    HistogramSum sum;
    sum.begin(a.view());
    sum.add(b.view());
    CHECK(sum.finish().positive.counts == std::vector<double>{1, 24, 14});
}

TEST_CASE("indices at the ends of what fits are merged and reduced") {
    constexpr int32_t kLeast = std::numeric_limits<int32_t>::min(),
                      kMost = std::numeric_limits<int32_t>::max();
    FloatHistogram a = made(8, {{kLeast, 1}, {0, 2}, {kMost - 1, 4}});
    FloatHistogram b = made(-9, {{kLeast, 1}, {kMost - 1, 4}});
    FloatHistogram sum = a;
    CHECK_FALSE(add(sum, b.view()).incompatible);
    CHECK(sum.schema == -9);
    // What ends at 0 or below lies within the zero bucket whatever its width.
    CHECK(sum.positive.runs.back() == BucketRun{kMost - 1, 1});
    CHECK_FALSE(counter_reset(made(8, {}).view(), a.view()));
    CHECK(counter_reset(a.view(), made(8, {{0, 9}}).view()));
    CHECK(quantile(a.view(), 0.4).value == doctest::Approx(1).epsilon(0.003));
    CHECK(std::isnan(quantile(a.view(), 0.9).value));
}

TEST_CASE("thresholds that are no numbers or infinite end") {
    for (double threshold : {kNaN, kInf, -1.0}) {
        FloatHistogram a = made(0, {{0, 1}, {3, 2}}), b = a;
        b.zero_threshold = threshold;
        FloatHistogram sum = a;
        add(sum, b.view());
        add(b, a.view());
        counter_reset(a.view(), b.view());
        counter_reset(b.view(), a.view());
        CHECK(sum.count == 6);
        if (threshold == kInf) {
            CHECK(sum.zero_count == 3);  // a bucket within the other's zero bucket counts for nothing
            CHECK(sum.positive.counts.empty());
        }
    }
}

TEST_CASE("a compensated sum keeps what a plain one loses") {
    FloatHistogram big = made(0, {{1, 1e16}}), one = made(0, {{1, 1}}), less = made(0, {{1, -1e16}});
    HistogramSum sum;
    sum.begin(big.view());
    for (int k = 0; k < 10; ++k) sum.add(one.view());
    sum.add(less.view());
    FloatHistogram& total = sum.finish();
    CHECK(total.positive.counts == std::vector<double>{10});
    CHECK(total.sum == 10);
}

TEST_CASE("a sum that begins anew keeps nothing of the one before") {
    HistogramSum sum;
    FloatHistogram a = made(0, {{1, 1}, {5, 1}});
    a.hint = ResetHint::kReset;
    FloatHistogram b = made(1, {{2, 1}});
    b.hint = ResetHint::kNotReset;
    sum.begin(a.view());
    CHECK(sum.add(b.view()).reset_collision);
    sum.begin(b.view());
    CHECK_FALSE(sum.add(b.view()).reset_collision);
    FloatHistogram& total = sum.finish();
    CHECK(total.schema == 1);
    CHECK(total.positive.counts == std::vector<double>{2});
}

TEST_CASE("a quantile among observations of NaN is NaN and says so") {
    FloatHistogram h = made(0, {{1, 3}});
    h.count = 4;
    h.sum = kNaN;
    CHECK(std::isnan(quantile(h.view(), 0.9).value));
    CHECK(quantile(h.view(), 0.9).nan_observations);
    CHECK(quantile(h.view(), 0.5).value == doctest::Approx(std::exp2(2.0 / 3)));
    CHECK(quantile(h.view(), 0.5).nan_observations);
    CHECK(fraction(h.view(), -kInf, kInf).value == 0.75);
    CHECK(fraction(h.view(), -kInf, kInf).nan_observations);
    h.count = 3;  // infinities of both signs make such a sum too
    CHECK_FALSE(quantile(h.view(), 0.5).nan_observations);
    CHECK_FALSE(fraction(h.view(), 0, 1).nan_observations);
}

TEST_CASE("with a sum of NaN a quantile is interpolated in the last bucket, as Prometheus does") {
    FloatHistogram h = made(0, {{1, 3}, {3, 2}});
    h.count = 6;
    h.sum = kNaN;
    // Rank 1.5 of 3 is in (1, 2]; 1.5 of the 2 observations of (4, 8] lead to 4 * 2^0.75.
    CHECK(quantile(h.view(), 0.25).value == doctest::Approx(std::exp2(2.75)));
}

TEST_CASE("custom buckets are joined at the bounds that both have") {
    FloatHistogram a, b;
    a.schema = b.schema = kCustomBuckets;
    a.bounds = std::make_shared<const std::vector<double>>(std::vector<double>{1, 2, 5});
    b.bounds = std::make_shared<const std::vector<double>>(std::vector<double>{2, 3, 5, 9});
    for (int32_t k = 0; k < 4; ++k) a.positive.push(k, 1);
    for (int32_t k = 0; k < 5; ++k) b.positive.push(k, 10);
    FloatHistogram sum = a;
    CHECK(add(sum, b.view()).bounds_reconciled);
    CHECK(*sum.bounds == std::vector<double>{2, 5});
    CHECK(sum.positive.counts == std::vector<double>{12, 21, 21});
    CHECK(add(sum, made(0, {{1, 1}}).view()).incompatible);
    CHECK(sum.positive.counts == std::vector<double>{12, 21, 21});
}
