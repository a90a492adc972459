#include "histogram/trim.h"

#include <cmath>

#include "histogram/bucket_bounds.h"

namespace narthex {

namespace {

// What is left of a bucket, and where its observations are on average.
struct Part {
    double count;
    double middle;
};

double middle(double lower, double upper, bool positive, bool linear) {
    if (std::isinf(lower)) {
        if (std::isinf(upper)) return 0;
        return upper > 0 ? upper / 2 : upper;
    }
    if (std::isinf(upper)) return lower;
    if (linear) return (lower + upper) / 2;
    double mean = std::sqrt(std::fabs(lower * upper));
    return positive ? mean : -mean;
}

// `value` is within the bucket, which has no lower end. The custom bucket that ends above 0 is taken to begin
// there.
Part part_of_lowest(const HistogramBucket& b, double value, bool keep_below) {
    bool from_zero = b.upper > 0 && !std::isinf(b.upper);
    if (keep_below) {
        if (from_zero && value > 0) return {b.count * value / b.upper, value / 2};
        if (b.upper <= 0) return {b.count, value};
        return {0, 0};
    }
    if (from_zero && value >= 0) return {b.count * (1 - value / b.upper), (value + b.upper) / 2};
    return {0, 0};
}

// `value` is within the bucket.
Part part(const HistogramBucket& b, double value, bool keep_below, bool positive, bool linear) {
    if (std::isinf(b.lower)) return part_of_lowest(b, value, keep_below);
    if (std::isinf(b.upper)) return keep_below ? Part{0, 0} : Part{b.count, value};
    double below = b.count * share_below(b, value, linear);
    if (keep_below) return {below, middle(b.lower, value, positive, linear)};
    return {b.count - below, middle(value, b.upper, positive, linear)};
}

// The zero bucket, which reaches from lower to upper. One without a width is above a value of 0.
Part part_of_zero(double lower, double upper, double count, double value, bool keep_below) {
    if (value <= lower) return keep_below ? Part{0, 0} : Part{count, (lower + upper) / 2};
    if (value >= upper) return keep_below ? Part{count, (lower + upper) / 2} : Part{0, 0};
    if (keep_below) return {count * ((value - lower) / (upper - lower)), (lower + value) / 2};
    return {count * ((upper - value) / (upper - lower)), (value + upper) / 2};
}

struct Totals {
    double count = 0;
    double sum = 0;
    bool trimmed = false;

    void take(const Part& left, double& of) {
        trimmed |= left.count != of;
        of = left.count;
        count += left.count;
        sum += left.middle * left.count;
    }
};

// True when the side has a populated bucket.
bool trim_side(FloatHistogram& h, bool negative, double value, bool keep_below, Totals& totals) {
    Buckets& side = negative ? h.negative : h.positive;
    FloatHistogramView view = h.view();
    bool linear = h.custom(), populated = false;
    size_t at = 0;
    for (BucketRun run : side.runs) {
        for (int64_t index = run.first; index < run.end(); ++index, ++at) {
            double& count = side.counts[at];
            if (count == 0) continue;
            populated = true;
            HistogramBucket b = bucket_at(view, negative, index, count);
            Part left{0, 0};
            if (keep_below ? b.upper <= value : b.lower >= value) {
                left = {count, middle(b.lower, b.upper, !negative, linear)};
            } else if (keep_below ? b.lower < value : b.upper > value) {
                left = part(b, value, keep_below, !negative, linear);
            }
            totals.take(left, count);
        }
    }
    return populated;
}

}  // namespace

void trim(FloatHistogram& h, double value, bool keep_below) {
    Totals totals;
    bool positive = trim_side(h, false, value, keep_below, totals);
    bool negative = trim_side(h, true, value, keep_below, totals);
    if (h.zero_count > 0) {
        double lower = positive && !negative ? 0 : -h.zero_threshold;
        double upper = negative && !positive ? 0 : h.zero_threshold;
        totals.take(part_of_zero(lower, upper, h.zero_count, value, keep_below), h.zero_count);
    }
    if (!totals.trimmed) return;
    h.count = totals.count;
    h.sum = totals.sum;
    h.compact();
}

}  // namespace narthex
