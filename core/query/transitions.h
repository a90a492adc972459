// What happens between neighbours of a series that may have both numbers and histograms.
#pragma once

#include <cstdint>
#include <vector>

#include "query/range_function.h"
#include "query/source.h"

namespace narthex {

// Changes or resets of a series in order of time. A change of kind counts as both; of one time the histogram
// comes later. With `start_times` what samples say of their beginning counts, too.
class Transitions {
  public:
    Transitions(RangeOp op, bool start_times, const Samples& numbers, const HistogramSamples& histograms);
    // For windows: no values.
    Samples times() const { return {times_.data(), nullptr, times_.size()}; }
    // How many there are among samples [lo, hi), which are some.
    double among(size_t lo, size_t hi) const { return static_cast<double>(seen_[hi - 1] - seen_[lo]); }

  private:
    std::vector<int64_t> times_;
    std::vector<uint64_t> seen_;  // up to each sample
};

}  // namespace narthex
