// Native histograms on their way into storage: a value a sample, each checked once, when it comes in.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "chunk/histogram_columns.h"

namespace narthex {

// Why a histogram cannot be stored. The numbers go over the contract as append statuses.
enum class HistogramFault : uint8_t {
    kNone = 0,
    kCountNotBigEnough = 32,
    kCountMismatch = 33,
    kNegativeCount = 34,
    kNegativeBucketCount = 35,
    kSpanNegativeOffset = 36,
    kSpansBucketsMismatch = 37,
    kCustomBucketsMismatch = 38,
    kCustomBucketsInvalid = 39,
    kCustomBucketsInfinite = 40,
    kCustomBucketsNaN = 41,
    kCustomBucketsZeroCount = 42,
    kCustomBucketsZeroThreshold = 43,
    kCustomBucketsNegativeSpans = 44,
    kCustomBucketsNegativeBuckets = 45,
    kExponentialCustomBounds = 46,
    kInvalidSchema = 47,
    kBucketIndexTooLarge = 48,  // ours: the last bucket's index does not fit in 32 bits
};

// What is wrong with a layout for `positive` and `negative` buckets, by the rules that reading needs too: any
// exponential schema that is known (kMinSchema to kMaxReservedSchema) will do.
HistogramFault check_layout(const HistogramLayout& layout, size_t positive, size_t negative);
// What is wrong with the value besides its layout's structure, which is sound: only schemas that are written
// (-4 to kMaxSchema), counts that fit together. A stale marker is right.
HistogramFault check_histogram(const HistogramView& value);

// Values in the order of the append that they are meant for; they need not be of one series.
class HistogramBatch {
  public:
    // Adds samples that share a layout; `counts`, `zero_counts`, `sums` and `hints` have an entry each, and
    // `buckets` holds positive ones, then negative ones, sample by sample. Layouts of schemas above
    // kMaxSchema are reduced to it. A faulty sample keeps its place, to be refused by the append.
    struct Run {
        const HistogramLayout& layout;
        bool floats;
        size_t positive, negative;  // buckets of a sample
        std::span<const HistogramCell> counts, zero_counts;
        std::span<const double> sums;
        std::span<const ResetHint> hints;
        std::span<const HistogramCell> buckets;
    };
    void add(const Run& run);

    // These samples in this order.
    HistogramBatch pick(std::span<const uint32_t> order) const;

    size_t size() const { return columns_.size(); }
    // Times are 0: an append brings its own.
    const HistogramColumns& columns() const { return columns_; }
    HistogramFault fault(size_t sample) const { return faults_[sample]; }

  private:
    void add_one(const HistogramView& value, HistogramFault fault);

    HistogramColumns columns_;
    std::vector<HistogramFault> faults_;
};

}  // namespace narthex
