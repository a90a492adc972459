// A Histogram message of the Prometheus client model, classic and native, and what storage makes of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bytes/protobuf.h"
#include "chunk/histogram_batch.h"
#include "chunk/histogram_message.h"
#include "text/scrape_cache.h"

namespace narthex {

// A google.protobuf.Timestamp in milliseconds, cut towards the past; none when it is out of range. Throws
// DecodeError.
std::optional<int64_t> read_timestamp(ProtoReader in);

struct ClassicBucket {
    double bound;
    double count;  // cumulative
    std::span<const uint8_t> exemplar;
    bool has_exemplar;
};

// Fields as they came. Kept from metric to metric, so that its columns keep their room.
class HistogramMessage {
  public:
    // Throws DecodeError, also for a message with more than kMaxBuckets buckets or spans.
    void read(ProtoReader in);

    bool is_native() const {
        return has_spans_ || zero_threshold_ > 0 || zero_count_ > 0 || zero_count_float_ > 0;
    }
    double count() const { return count_float_ > 0 ? count_float_ : static_cast<double>(count_); }
    double sum() const { return sum_; }
    int64_t start() const { return start_; }
    std::span<const ClassicBucket> buckets() const { return buckets_; }
    // Exemplar messages of the native histogram.
    std::span<const std::span<const uint8_t>> exemplars() const { return exemplars_; }

    // Adds it as one native histogram without empty buckets, at a resolution that the options allow. Gives
    // whether it fits under the bucket limit. A faulty one is added as such.
    bool add_native(bool gauge, const HistogramOptions& options, HistogramBatch& out);

    static constexpr size_t kMaxBuckets = size_t{1} << 20;

  private:
    template <typename T>
    void push(std::vector<T>& column, T value, const ProtoReader& in);
    void read_bucket(ProtoReader in);
    bool floats() const { return count_float_ > 0 || zero_count_float_ > 0; }
    void gather_cells(HistogramLayout& layout);
    void drop_empty(HistogramLayout& layout);
    bool reduce(HistogramLayout& layout, int32_t schema);

    uint64_t count_ = 0, zero_count_ = 0;
    double count_float_ = 0, zero_count_float_ = 0, sum_ = 0, zero_threshold_ = 0;
    int32_t schema_ = 0;
    int64_t start_ = 0;
    bool has_spans_ = false;
    std::vector<ClassicBucket> buckets_;
    std::vector<BucketSpan> positive_, negative_;
    BucketCounts positive_counts_, negative_counts_;
    std::vector<std::span<const uint8_t>> exemplars_;
    std::vector<HistogramCell> cells_;  // positive, then negative
    size_t positive_cells_ = 0;
};

}  // namespace narthex
