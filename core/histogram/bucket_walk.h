// The buckets of a native histogram in the order of what they hold.
#pragma once

#include "histogram/bucket_bounds.h"

namespace narthex {

// Negative buckets, the zero bucket where it holds something, positive buckets; or the other way round. Empty
// buckets come as well. What the zero bucket covers of a bucket is cut off. What `h` views must
// outlive it.
class BucketWalk {
  public:
    explicit BucketWalk(const FloatHistogramView& h, bool descending = false);
    // Goes to the next bucket, at first to the first one. False behind the last.
    bool next();
    double count() const { return count_; }
    // The bucket with its bounds, which take a while to compute.
    HistogramBucket bucket() const;

  private:
    enum class Stage : uint8_t { kInwards, kZero, kOutwards };
    bool next_inwards();
    bool next_outwards();
    const BucketsView& side() const { return negative_ ? h_.negative : h_.positive; }

    FloatHistogramView h_;
    Stage stage_ = Stage::kInwards;
    bool negative_;
    bool zero_ = false;  // is the current one the zero bucket
    size_t run_;         // inwards: runs left; outwards: runs done
    uint32_t in_run_ = 0;
    size_t at_;  // inwards: counts left; outwards: counts done
    int64_t index_ = 0;
    double count_ = 0;
};

}  // namespace narthex
