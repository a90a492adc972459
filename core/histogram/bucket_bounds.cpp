#include "histogram/bucket_bounds.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace narthex {

namespace {

// 2^(i / 2^kMaxSchema) for one octave, as a product of roots of two from the greatest down. Every step is
// rounded, so the last bits depend on the order and are those of the bounds that Prometheus shows.
const std::array<double, 1 << kMaxSchema>& octave() {
    static const auto table = [] {
        std::array<double, 1 << kMaxSchema> out{};
        for (size_t i = 0; i < out.size(); ++i) {
            double root = std::sqrt(2.0);
            double bound = i & out.size() / 2 ? 2 / root : 1;
            for (size_t bit = out.size() / 4; bit > 0; bit /= 2) {
                root = std::sqrt(root);
                if (i & bit) bound *= root;
            }
            out[i] = bound;
        }
        return out;
    }();
    return table;
}

}  // namespace

double exponential_bound(int64_t index, int32_t schema) {
    int64_t exponent = schema < 0 ? index * (int64_t{1} << -schema) : index >> schema;
    size_t fraction = schema < 0 ? 0 : static_cast<size_t>(index & ((int64_t{1} << schema) - 1));
    if (exponent == 1024 && fraction == 0) return std::numeric_limits<double>::max();
    double base = octave()[fraction << (kMaxSchema - std::max(schema, 0))];
    bool normal = exponent > -1023 && exponent < 1024;
    if (normal) return base * std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
    return std::ldexp(base, static_cast<int>(std::clamp<int64_t>(exponent, -2000, 2000)));
}

double custom_bound(int64_t index, std::span<const double> bounds) {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    if (index < 0) return -kInf;
    return index < static_cast<int64_t>(bounds.size()) ? bounds[static_cast<size_t>(index)] : kInf;
}

HistogramBucket bucket_at(const FloatHistogramView& h, bool negative, int64_t index, double count) {
    if (h.custom()) {
        auto bounds = h.bounds();
        return {custom_bound(index - 1, bounds), custom_bound(index, bounds), count, index == 0, true};
    }
    double inner = exponential_bound(index - 1, h.schema), outer = exponential_bound(index, h.schema);
    if (negative) return {-outer, -inner, count, outer > 0, false};
    return {inner, outer, count, false, outer > 0};
}

HistogramBucket zero_bucket(const FloatHistogramView& h) {
    return {-h.zero_threshold, h.zero_threshold, h.zero_count, true, true};
}

HistogramBucket outside_zero(HistogramBucket bucket, double zero_threshold) {
    if (bucket.upper < 0 && bucket.upper > -zero_threshold) {
        bucket.upper = -zero_threshold;
    } else if (bucket.lower > 0 && bucket.lower < zero_threshold) {
        bucket.lower = zero_threshold;
    }
    return bucket;
}

double share_below(const HistogramBucket& bucket, double value, bool linear) {
    if (linear) return (value - bucket.lower) / (bucket.upper - bucket.lower);
    double lower = std::log2(std::fabs(bucket.lower)), upper = std::log2(std::fabs(bucket.upper));
    double at = std::log2(std::fabs(value));
    if (value > 0) return (at - lower) / (upper - lower);
    return 1 - (at - upper) / (lower - upper);
}

}  // namespace narthex
