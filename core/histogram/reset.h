// Counter resets between native histograms.
#pragma once

#include "histogram/float_histogram.h"

namespace narthex {

// Whether a counter began anew between two samples of it. What `after` is known to be decides first. Else it
// did when a count (of all observations, of the zero bucket or of a bucket, not the sum) went down, when the
// resolution grew, when the zero bucket shrank or grew to somewhere within a bucket that had observations,
// and when exponential buckets follow custom ones or the other way round. Custom buckets with other bounds
// are compared between the bounds that both have. Memory: only for those.
bool counter_reset(const FloatHistogramView& before, const FloatHistogramView& after);

}  // namespace narthex
