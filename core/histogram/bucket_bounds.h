// Where buckets end.
#pragma once

#include <cstdint>
#include <span>

#include "histogram/float_histogram.h"

namespace narthex {

// The end of bucket `index` of an exponential schema, kMinSchema..kMaxSchema: 2^(index / 2^schema).
// Past what a double holds it is 0 or +Inf; the bucket just before the one of infinities ends at the
// greatest double.
double exponential_bound(int64_t index, int32_t schema);

// Of custom buckets: -Inf before the first one, +Inf behind the last bound.
double custom_bound(int64_t index, std::span<const double> bounds);

// A bucket and where it lies, with its sign.
struct HistogramBucket {
    double lower = 0;
    double upper = 0;
    double count = 0;
    bool lower_inclusive = false;
    bool upper_inclusive = false;

    // 0 (lower, upper], 1 [lower, upper), 2 (lower, upper), 3 [lower, upper]: the number in JSON results.
    int closed_ends() const {
        return lower_inclusive ? (upper_inclusive ? 3 : 1) : (upper_inclusive ? 0 : 2);
    }
};

// Bucket `index` of one side of `h`.
HistogramBucket bucket_at(const FloatHistogramView& h, bool negative, int64_t index, double count);
// What is closest to zero. Not of custom buckets.
HistogramBucket zero_bucket(const FloatHistogramView& h);
// The bucket without what the zero bucket covers of it.
HistogramBucket outside_zero(HistogramBucket bucket, double zero_threshold);

// The share of the bucket's width that lies below a value within it: of the width itself, or of its
// logarithm, as observations are taken to be spread.
double share_below(const HistogramBucket& bucket, double value, bool linear);

}  // namespace narthex
