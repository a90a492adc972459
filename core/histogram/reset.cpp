#include "histogram/reset.h"

#include <algorithm>
#include <limits>

#include "histogram/bucket_bounds.h"
#include "histogram/bucket_merge.h"
#include "histogram/combine.h"

namespace narthex {

namespace {

// The buckets of one side at a coarser schema, those that end within the zero bucket left out.
class CoarseBuckets {
  public:
    CoarseBuckets(const BucketsView& side, int32_t schema, int32_t coarse, double zero_threshold)
        : side_(side), steps_(static_cast<unsigned>(schema - coarse)) {
        next();
        if (schema == kCustomBuckets) return;
        while (index != kEnd && exponential_bound(index, coarse) <= zero_threshold) next();
    }

    static constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
    int64_t index = 0;  // kEnd behind the last one
    double count = 0;

    void next() {
        index = kEnd;
        count = 0;
        while (run_ < side_.runs.size()) {
            int64_t coarse = ((side_.runs[run_].first + int64_t{in_run_} - 1) >> steps_) + 1;
            if (index != kEnd && coarse != index) return;
            index = coarse;
            count += side_.counts[at_++];
            if (++in_run_ < side_.runs[run_].length) continue;
            in_run_ = 0;
            ++run_;
        }
    }

  private:
    BucketsView side_;
    unsigned steps_;
    size_t run_ = 0;
    uint32_t in_run_ = 0;
    size_t at_ = 0;
};

bool side_fell(const BucketsView& before, int32_t schema, const FloatHistogramView& after,
               const BucketsView& now) {
    CoarseBuckets old(before, schema, after.schema, after.zero_threshold);
    CoarseBuckets current(now, after.schema, after.schema, after.zero_threshold);
    for (; old.index != CoarseBuckets::kEnd; old.next()) {
        while (current.index < old.index) current.next();
        if (current.index == old.index ? current.count < old.count : old.count != 0) return true;
    }
    return false;
}

// Counts between the bounds in `common` and behind the last.
std::vector<double> between(const FloatHistogramView& h, std::span<const double> common) {
    std::vector<double> counts(common.size() + 1), rest(common.size() + 1);
    remap_buckets({h.positive, {}}, h.bounds(), common, counts, rest);
    for (size_t k = 0; k < counts.size(); ++k) counts[k] += rest[k];
    return counts;
}

bool remapped_fell(const FloatHistogramView& before, const FloatHistogramView& after) {
    std::vector<double> common = common_bounds(before.bounds(), after.bounds());
    std::vector<double> old = between(before, common), now = between(after, common);
    return !std::ranges::equal(now, old, [](double n, double o) { return !(n < o); });
}

// The usual case, both of one layout, without looking at single bounds.
bool any_fell(std::span<const double> before, std::span<const double> after) {
    bool fell = false;
    for (size_t k = 0; k < before.size(); ++k) fell |= after[k] < before[k];
    return fell;
}

bool same_runs(const BucketsView& a, const BucketsView& b) {
    return std::ranges::equal(a.runs, b.runs);
}

}  // namespace

bool counter_reset(const FloatHistogramView& before, const FloatHistogramView& after) {
    if (after.hint == ResetHint::kReset) return true;
    if (after.hint == ResetHint::kNotReset) return false;
    if (after.count < before.count) return true;
    if (after.custom() != before.custom()) return true;
    if (after.custom()) {
        if (!same_bounds(*before.shared, *after.shared)) return remapped_fell(before, after);
        return side_fell(before.positive, before.schema, after, after.positive);
    }
    if (after.schema > before.schema || after.zero_threshold < before.zero_threshold) return true;
    ZeroBucket zero = widened_zero(before, after.zero_threshold);
    if (zero.threshold != after.zero_threshold || after.zero_count < zero.count) return true;
    bool same = after.schema == before.schema && same_runs(before.positive, after.positive) &&
                same_runs(before.negative, after.negative);
    // When no bucket went down at all there is none among those outside the zero bucket.
    if (same && !any_fell(before.positive.counts, after.positive.counts) &&
        !any_fell(before.negative.counts, after.negative.counts)) {
        return false;
    }
    return side_fell(before.positive, before.schema, after, after.positive) ||
           side_fell(before.negative, before.schema, after, after.negative);
}

}  // namespace narthex
