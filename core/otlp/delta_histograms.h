// Deltas of native histograms become totals: what each series has counted since its first delta.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "chunk/histogram_batch.h"
#include "histogram/float_histogram.h"

namespace narthex {

// The rules are those of OpenTelemetry's deltatocumulative processor: a delta that is not newer than the one
// before it, or that begins before the series does, is dropped; a series that was silent for longer than
// `silence` begins anew, and so does one whose custom bounds change. Where a side would reach over more than
// kMostBuckets buckets, the total gets coarser. For one thread at a time.
class DeltaHistograms {
  public:
    static constexpr int64_t kMostBuckets = 160;

    explicit DeltaHistograms(int64_t silence_ms) : silence_(silence_ms) {}

    struct Totals {
        std::vector<uint32_t> rows;   // samples that are kept, ascending
        std::vector<int64_t> starts;  // of those
        HistogramBatch batch;         // what takes their place
    };
    // Columns with an entry a sample, in any order; `deltas` are to be added up, others and stale markers
    // stay as they are. Changes nothing until take().
    Totals convert(std::span<const uint64_t> refs, std::span<const int64_t> times,
                   std::span<const int64_t> starts, const HistogramBatch& samples,
                   std::span<const uint8_t> deltas);
    // Remembers what convert gave last, once it is stored. Silent series are forgotten when others come.
    void take();
    size_t size() const { return totals_.size(); }  // series

  private:
    struct Total {
        FloatHistogram value;
        int64_t begun;
        int64_t newest;
    };
    // Adds a delta that follows.
    static void grow(Total& total, const FloatHistogram& delta, int64_t start);

    int64_t silence_;
    std::unordered_map<uint64_t, Total> totals_;   // by reference
    std::unordered_map<uint64_t, Total> pending_;  // of series that came last, as they will be
};

}  // namespace narthex
