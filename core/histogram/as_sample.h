// Values as samples for storage.
#pragma once

#include "chunk/histogram_batch.h"
#include "histogram/float_histogram.h"

namespace narthex {

// Adds a value: as floats, or as integers when its counts are whole and below 2^53.
void add_sample(HistogramBatch& out, const FloatHistogram& value, bool floats);

}  // namespace narthex
