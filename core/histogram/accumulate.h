// Running sums and means of native histograms, for aggregations and for *_over_time.
#pragma once

#include "histogram/combine.h"

namespace narthex {

// Whether some say that a counter began anew and others that it did not.
class SeenHints {
  public:
    void begin() { *this = {}; }
    void see(ResetHint hint) {
        reset_ |= hint == ResetHint::kReset;
        not_reset_ |= hint == ResetHint::kNotReset;
    }
    bool collide() const { return reset_ && not_reset_; }

  private:
    bool reset_ = false;
    bool not_reset_ = false;
};

// A compensated sum. Begun anew it keeps its room, so values of one layout are added without allocations.
// The collision that it reports is one among all values so far. What follows an incompatible value counts for
// nothing: the caller drops the sum.
class HistogramSum {
  public:
    void begin(const FloatHistogramView& first);
    Combined add(const FloatHistogramView& more);
    // The sum, not compacted. Nothing is added afterwards.
    FloatHistogram& finish();

  private:
    FloatHistogram sum_;
    Rest rest_;
    SeenHints hints_;
};

// A mean: of the compensated sum as long as that does not overflow, from then on an incremental one, as
// Prometheus computes it. Otherwise as HistogramSum.
class HistogramMean {
  public:
    void begin(const FloatHistogramView& first);
    Combined add(const FloatHistogramView& more);
    FloatHistogram& finish();

  private:
    // Adds to the sum unless that overflows; whether it did is in `overflowed`, then nothing was added.
    Combined add_to_sum(const FloatHistogramView& more, bool& overflowed);

    FloatHistogram value_;  // the sum, or once that would overflow the mean
    Rest rest_;
    SeenHints hints_;
    double n_ = 0;
    double magnitude_ = 0;  // nothing in the sum is greater
    bool incremental_ = false;
    FloatHistogram spare_;
    Rest spare_rest_;
};

}  // namespace narthex
