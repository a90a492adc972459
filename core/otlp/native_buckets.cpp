#include "otlp/native_buckets.h"

#include <algorithm>

namespace narthex {

namespace {

constexpr int64_t kMostEmpty = 2;

// Puts down buckets with observations, given in ascending order.
class SpanWriter {
  public:
    SpanWriter(std::vector<BucketSpan>& spans, std::vector<HistogramCell>& cells)
        : spans_(spans), cells_(cells) {}

    void add(int64_t index, uint64_t count) {
        int64_t gap = index - end_;
        if (!started_ || gap > kMostEmpty) {
            spans_.push_back({static_cast<int32_t>(gap), 0});
            started_ = true;
            gap = 0;
        }
        for (; gap > 0; --gap) put(0);
        put(static_cast<int64_t>(count));
        end_ = index + 1;
    }

  private:
    void put(int64_t count) {
        ++spans_.back().length;
        cells_.push_back({.i = count});
    }

    std::vector<BucketSpan>& spans_;
    std::vector<HistogramCell>& cells_;
    int64_t end_ = 0;
    bool started_ = false;
};

}  // namespace

void append_exponential_buckets(std::span<const uint64_t> counts, int32_t offset, uint32_t finer,
                                std::vector<BucketSpan>& spans, std::vector<HistogramCell>& cells) {
    SpanWriter out(spans, cells);
    uint32_t shift = std::min<uint32_t>(finer, 63);
    for (size_t i = 0; i < counts.size();) {
        int64_t index = (offset + static_cast<int64_t>(i)) >> shift;
        uint64_t count = 0;
        for (; i < counts.size() && (offset + static_cast<int64_t>(i)) >> shift == index; ++i)
            count += counts[i];
        if (count > 0) out.add(index + 1, count);
    }
}

void append_custom_buckets(std::span<const uint64_t> counts, std::vector<BucketSpan>& spans,
                           std::vector<HistogramCell>& cells) {
    SpanWriter out(spans, cells);
    for (size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] > 0) out.add(static_cast<int64_t>(i), counts[i]);
    }
}

}  // namespace narthex
