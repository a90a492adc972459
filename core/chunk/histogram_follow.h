// Whether two histograms can stand next to each other in a chunk, and whether they are the same.
#pragma once

#include "chunk/histogram_columns.h"

namespace narthex {

// Whether `now`, which is no stale marker, may follow `before` in a chunk of gauges or counters; both are of
// one kind. As Prometheus decides: a new chunk begins when schema, zero threshold or bounds change, when a
// counter's count, zero count or a bucket goes down or vanishes, when a hint says reset, and after a stale
// marker. `begin` becomes kReset where a reset is why it may not, and is left alone otherwise.
bool may_follow(const HistogramView& before, const HistogramView& now, bool gauges, ResetHint& begin);

// Whether both have the same bits: buckets that are not there count as empty ones, hints do not count.
bool same_histogram(const HistogramView& a, const HistogramView& b);

}  // namespace narthex
