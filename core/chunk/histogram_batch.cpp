#include "chunk/histogram_batch.h"

#include <cmath>
#include <limits>
#include <stdexcept>

namespace narthex {

namespace {

constexpr int32_t kMinWrittenSchema = -4;

HistogramFault check_bounds(std::span<const double> bounds) {
    double before = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < bounds.size(); ++i) {
        if (std::isnan(bounds[i])) return HistogramFault::kCustomBucketsNaN;
        if (i > 0 && bounds[i] <= before) return HistogramFault::kCustomBucketsInvalid;
        before = bounds[i];
    }
    return before == std::numeric_limits<double>::infinity() ? HistogramFault::kCustomBucketsInfinite
                                                             : HistogramFault::kNone;
}

// `end` becomes the index after the last bucket.
HistogramFault check_spans(std::span<const BucketSpan> spans, size_t buckets, bool custom, int64_t& end) {
    uint64_t total = 0;
    end = 0;
    for (size_t i = 0; i < spans.size(); ++i) {
        if (spans[i].offset < 0 && (custom || i > 0)) return HistogramFault::kSpanNegativeOffset;
        total += spans[i].length;
        if (total > buckets) return HistogramFault::kSpansBucketsMismatch;
        end += static_cast<int64_t>(spans[i].offset) + spans[i].length;
        if (end > std::numeric_limits<int32_t>::max()) return HistogramFault::kBucketIndexTooLarge;
    }
    return total == buckets ? HistogramFault::kNone : HistogramFault::kSpansBucketsMismatch;
}

HistogramFault check_integers(const HistogramView& h) {
    uint64_t sum = static_cast<uint64_t>(h.zero_count.i);
    for (HistogramCell c : h.buckets) {
        if (c.i < 0) return HistogramFault::kNegativeBucketCount;
        sum += static_cast<uint64_t>(c.i);
    }
    auto count = static_cast<uint64_t>(h.count.i);
    // NaN is observed by no bucket.
    if (std::isnan(h.sum)) return sum > count ? HistogramFault::kCountNotBigEnough : HistogramFault::kNone;
    return sum != count ? HistogramFault::kCountMismatch : HistogramFault::kNone;
}

HistogramFault check_floats(const HistogramView& h) {
    if (h.zero_count.f < 0) return HistogramFault::kNegativeBucketCount;
    for (HistogramCell c : h.buckets) {
        if (c.f < 0) return HistogramFault::kNegativeBucketCount;
    }
    return h.count.f < 0 ? HistogramFault::kNegativeCount : HistogramFault::kNone;
}

}  // namespace

HistogramFault check_layout(const HistogramLayout& layout, size_t positive, size_t negative) {
    int64_t end;
    if (layout.schema != kCustomBuckets) {
        if (layout.schema < kMinSchema || layout.schema > kMaxReservedSchema)
            return HistogramFault::kInvalidSchema;
        HistogramFault fault = check_spans(layout.positive, positive, false, end);
        if (fault == HistogramFault::kNone) fault = check_spans(layout.negative, negative, false, end);
        if (fault == HistogramFault::kNone && !layout.bounds.empty())
            fault = HistogramFault::kExponentialCustomBounds;
        return fault;
    }
    HistogramFault fault = check_bounds(layout.bounds);
    if (fault == HistogramFault::kNone) fault = check_spans(layout.positive, positive, true, end);
    if (fault != HistogramFault::kNone) return fault;
    if (end > static_cast<int64_t>(layout.bounds.size()) + 1) return HistogramFault::kCustomBucketsMismatch;
    if (layout.zero_threshold != 0) return HistogramFault::kCustomBucketsZeroThreshold;
    if (!layout.negative.empty()) return HistogramFault::kCustomBucketsNegativeSpans;
    return negative > 0 ? HistogramFault::kCustomBucketsNegativeBuckets : HistogramFault::kNone;
}

HistogramFault check_histogram(const HistogramView& h) {
    if (h.stale()) return HistogramFault::kNone;
    bool custom = h.layout->schema == kCustomBuckets;
    if (!custom && (h.layout->schema < kMinWrittenSchema || h.layout->schema > kMaxSchema))
        return HistogramFault::kInvalidSchema;
    bool zero_is_empty = h.floats ? h.zero_count.f == 0 : h.zero_count.i == 0;
    if (custom && !zero_is_empty) return HistogramFault::kCustomBucketsZeroCount;
    return h.floats ? check_floats(h) : check_integers(h);
}

void HistogramBatch::add(const Run& run) {
    HistogramFault fault = check_layout(run.layout, run.positive, run.negative);
    HistogramLayout layout = run.layout;
    std::vector<uint32_t> reduced;  // bucket that came -> bucket of the layout
    bool reduce = fault == HistogramFault::kNone && layout.schema > kMaxSchema;
    if (reduce) layout = reduce_schema(run.layout, kMaxSchema, reduced);
    size_t width = run.positive + run.negative;
    std::vector<HistogramCell> coarse(reduce ? layout.width() : 0);
    for (size_t k = 0; k < run.counts.size(); ++k) {
        auto buckets = run.buckets.subspan(k * width, width);
        if (is_stale(run.sums[k]) || fault != HistogramFault::kNone) {
            add_one(stale_histogram(run.floats), is_stale(run.sums[k]) ? HistogramFault::kNone : fault);
            continue;
        }
        if (reduce) {
            std::fill(coarse.begin(), coarse.end(), HistogramCell{.i = 0});
            for (size_t i = 0; i < width; ++i) add_cell(coarse[reduced[i]], buckets[i], run.floats);
            buckets = coarse;
        }
        HistogramView value{&layout,     run.floats, run.hints[k], run.counts[k], run.zero_counts[k],
                            run.sums[k], buckets};
        add_one(value, check_histogram(value));
    }
}

HistogramBatch HistogramBatch::pick(std::span<const uint32_t> order) const {
    HistogramBatch out;
    HistogramWalk walk(columns_);
    for (uint32_t sample : order) {
        if (sample >= size()) throw std::out_of_range("no histogram has this place");
        out.add_one(walk.at(sample), faults_[sample]);
    }
    return out;
}

void HistogramBatch::add_one(const HistogramView& value, HistogramFault fault) {
    columns_.push(0, 0, value);
    faults_.push_back(fault);
}

}  // namespace narthex
