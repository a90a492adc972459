// One native histogram as a value of PromQL: counts are doubles, and arithmetic may have made them
// fractional, negative, infinite or NaN.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "chunk/histogram_columns.h"

namespace narthex {

// Buckets side by side: indices [first, end()). Both fit int32; never empty.
struct BucketRun {
    int32_t first;
    uint32_t length;
    int64_t end() const { return int64_t{first} + length; }
    bool operator==(const BucketRun&) const = default;
};

// The buckets on one side of zero, which somebody else keeps: a count for each bucket of the runs, in their
// order. Runs ascend and do not touch. A bucket may be there and be empty.
struct BucketsView {
    std::span<const BucketRun> runs;
    std::span<const double> counts;
};

struct Buckets {
    std::vector<BucketRun> runs;
    std::vector<double> counts;

    operator BucketsView() const { return {runs, counts}; }
    void assign(const BucketsView& other);
    void clear();
    // Appends a bucket behind the last one.
    void push(int32_t index, double count);
    // Drops buckets that hold nothing; with `rest`, a number a bucket, those whose number is 0 as well.
    void compact(std::vector<double>* rest = nullptr);
};

// Bounds of custom buckets: ascending, never changed, shared by values.
using SharedBounds = std::shared_ptr<const std::vector<double>>;

bool same_bounds(const SharedBounds& a, const SharedBounds& b);

// A value that somebody else keeps.
struct FloatHistogramView {
    int32_t schema;  // kMinSchema..kMaxSchema, or kCustomBuckets
    ResetHint hint;
    double zero_threshold;  // 0 with custom buckets, as the next
    double zero_count;
    double count;
    double sum;
    BucketsView positive;
    BucketsView negative;        // none with custom buckets; mirrors positive indices
    const SharedBounds* shared;  // never nullptr; empty of exponential ones

    bool custom() const { return schema == kCustomBuckets; }
    std::span<const double> bounds() const {
        return *shared ? std::span<const double>(**shared) : std::span<const double>();
    }
    // Equal in every number, as == compares: counts and sum by their bits, and empty buckets count as well.
    // Reset hints do not. Both should be compacted.
    bool equals(const FloatHistogramView& other) const;
    // How many samples it counts for against a query's limits: one for each 16 bytes that Prometheus keeps.
    size_t samples() const;
};

struct FloatHistogram {
    int32_t schema = 0;
    ResetHint hint = ResetHint::kUnknown;
    double zero_threshold = 0;
    double zero_count = 0;
    double count = 0;
    double sum = 0;
    Buckets positive;
    Buckets negative;
    SharedBounds bounds;

    FloatHistogramView view() const {
        return {schema, hint, zero_threshold, zero_count, count, sum, positive, negative, &bounds};
    }
    bool custom() const { return schema == kCustomBuckets; }
    // Copies; vectors keep their room.
    void assign(const FloatHistogramView& other);
    // A sample as storage keeps it; integers become doubles.
    void assign(const HistogramView& sample);

    // All counts and the sum times `factor`; of a negative one the result is a gauge.
    void multiply(double factor);
    // Divided by zero there are no buckets left, and counts and sum are what IEEE 754 makes of them.
    void divide(double divisor);
    // Drops empty buckets.
    void compact();
};

// The runs of a layout's buckets, made once for all its samples.
struct FloatLayout {
    explicit FloatLayout(const HistogramLayout& layout);
    int32_t schema;
    double zero_threshold;
    std::vector<BucketRun> positive;
    std::vector<BucketRun> negative;
    SharedBounds bounds;
    size_t positive_buckets;
};

// The samples of columns that to_floats() was called for, as values where they are. Columns must stay as they
// are meanwhile.
class FloatHistogramSamples {
  public:
    explicit FloatHistogramSamples(const HistogramColumns& columns);
    // Cheap for samples in ascending order. Stale markers are empty histograms with a stale sum.
    FloatHistogramView at(size_t sample);

  private:
    const HistogramColumns& columns_;
    std::vector<FloatLayout> layouts_;
    size_t run_ = 0;
};

}  // namespace narthex
