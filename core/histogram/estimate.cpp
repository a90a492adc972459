#include "histogram/estimate.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "histogram/bucket_walk.h"
#include "query/precise.h"

namespace narthex {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool one_sided(const FloatHistogramView& h, const BucketsView& side) {
    const BucketsView& other = &side == &h.positive ? h.negative : h.positive;
    return other.counts.empty() && !side.counts.empty();
}

// A bucket around 0 ends there when all other buckets are on one side.
HistogramBucket halved(HistogramBucket bucket, const FloatHistogramView& h) {
    if (one_sided(h, h.positive)) bucket.lower = 0;
    if (one_sided(h, h.negative)) bucket.upper = 0;
    return bucket;
}

// The value below which `share` of a bucket's observations are.
double interpolate(const HistogramBucket& bucket, double share, bool linear) {
    if (linear) return bucket.lower + (bucket.upper - bucket.lower) * share;
    double lower = std::log2(std::fabs(bucket.lower)), upper = std::log2(std::fabs(bucket.upper));
    if (bucket.lower > 0) return std::exp2(lower + (upper - lower) * share);
    return -std::exp2(upper + (lower - upper) * (1 - share));
}

}  // namespace

Estimate quantile(const FloatHistogramView& h, double q) {
    if (q < 0) return {-kInf};
    if (q > 1) return {kInf};
    if (h.count == 0 || std::isnan(q)) return {kNaN};
    // A sum of NaN may come from observations of NaN, which rank above the last bucket.
    bool nan_sum = std::isnan(h.sum), upwards = nan_sum || q < 0.5;
    double rank = (upwards ? q : 1 - q) * h.count, count = 0, own = 0;
    BucketWalk walk(h, !upwards);
    bool any = false;
    while (walk.next()) {
        any = true;
        own = walk.count();
        if (own == 0) continue;
        count += own;
        if (count >= rank) break;
    }
    HistogramBucket bucket = any ? walk.bucket() : HistogramBucket{};
    if (h.custom() && any) {
        if (bucket.lower == -kInf) {
            if (bucket.upper <= 0) return {bucket.upper};
            bucket.lower = 0;
        } else if (bucket.upper == kInf) {
            return {bucket.lower};
        }
    } else if (bucket.lower < 0 && bucket.upper > 0) {
        bucket = halved(bucket, h);
    }
    count = std::min(count, h.count);
    if (count < rank) return nan_sum ? Estimate{kNaN, true} : Estimate{bucket.upper};
    rank = upwards ? rank - (count - own) : count - rank;
    bool nan_observations = false;
    if (nan_sum) {
        // Prometheus goes on to the last bucket to see whether there are observations beyond, and
        // interpolates within that one.
        while (walk.next()) {
            bucket = walk.bucket();
            own = walk.count();
            count += own;
        }
        nan_observations = count < h.count;
    }
    bool linear = h.custom() || (bucket.lower <= 0 && bucket.upper >= 0);
    return {interpolate(bucket, rank / own, linear), nan_observations};
}

Estimate fraction(const FloatHistogramView& h, double lower, double upper) {
    if (h.count == 0 || std::isnan(lower) || std::isnan(upper)) return {kNaN};
    if (lower >= upper) return {0};
    struct Limit {
        double value;
        double rank = kInf;
        bool found = false;
    };
    Limit limits[] = {{lower}, {upper}};
    double rank = 0, count = 0;
    BucketWalk walk(h);
    while (!(limits[0].found && limits[1].found) && walk.next()) {
        HistogramBucket bucket = walk.bucket();
        count += bucket.count;
        bool linear = h.custom();
        if (bucket.lower <= 0 && bucket.upper >= 0) {
            linear = true;
            bucket = halved(bucket, h);
        }
        for (Limit& limit : limits) {
            if (limit.found) continue;
            if (bucket.lower >= limit.value) {
                limit.rank = rank;
                limit.found = true;
            } else if (bucket.upper > limit.value) {
                // Nothing is known about where observations are in a bucket that has no lower end.
                bool endless = linear && bucket.lower == -kInf;
                limit.rank =
                    endless ? bucket.count : rank + bucket.count * share_below(bucket, limit.value, linear);
                limit.found = true;
            }
        }
        rank += bucket.count;
    }
    bool nan_observations = false;
    if (std::isnan(h.sum)) {
        while (walk.next()) count += walk.count();
        nan_observations = count < h.count;
    } else {
        count = h.count;
    }
    for (Limit& limit : limits) {
        if (!limit.found || limit.rank > count) limit.rank = count;
    }
    return {(limits[1].rank - limits[0].rank) / h.count, nan_observations};
}

double variance(const FloatHistogramView& h) {
    double mean = h.sum / h.count;
    CompensatedSum sum;
    BucketWalk walk(h);
    while (walk.next()) {
        if (walk.count() == 0) continue;
        HistogramBucket bucket = walk.bucket();
        double middle = 0;
        if (h.custom()) {
            middle = (bucket.upper + bucket.lower) / 2;
        } else if (!(bucket.lower <= 0 && bucket.upper >= 0)) {
            middle = std::copysign(std::sqrt(bucket.upper * bucket.lower), bucket.upper);
        }
        double distance = middle - mean;
        sum.add(bucket.count * distance * distance);
    }
    return (sum.sum + sum.rest) / h.count;
}

}  // namespace narthex
