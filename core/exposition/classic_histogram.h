// A classic histogram put together from its parts, and the native histogram with custom buckets that it
// makes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "chunk/histogram_batch.h"

namespace narthex {

class ClassicHistogram {
  public:
    void clear();
    // Buckets may come in any order; counts are cumulative.
    void bucket(double bound, double count) { buckets_.push_back({bound, count}); }
    void count(double n) { count_ = n; }
    void sum(double v) { sum_ = v; }

    // Brings the parts in order; false when they make no histogram: a bound or count is NaN, a count
    // negative, buckets shrink with their bounds, or the count is not that of the bucket +Inf (which may be
    // missing).
    bool settle();
    // After settle() gave true. Counts are integers when all of them are, else floats. Gives whether there
    // are at most `bucket_limit` buckets (0: any number); custom buckets cannot be made fewer.
    bool add(bool gauge, uint64_t bucket_limit, HistogramBatch& out) const;

  private:
    struct Bucket {
        double bound;
        double count;
    };
    bool integers() const;

    std::vector<Bucket> buckets_;
    std::optional<double> count_;
    double sum_ = 0;
};

}  // namespace narthex
