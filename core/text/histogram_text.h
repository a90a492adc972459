// Native histograms in Prometheus' notation: {count:3, sum:4.5, [-1,-0.5):1, [-0.001,0.001]:1, (0.5,1]:1}.
#pragma once

#include <cstdint>
#include <string>

#include "chunk/histogram_columns.h"

namespace narthex {

// Where bucket `index` of a layout ends, of positive buckets (negative ones mirror them); index - 1 gives
// where it begins. `index` is a bucket of the layout or the one before.
double bucket_bound(const HistogramLayout& layout, int32_t index);

// Appends the text of one sample, buckets that hold nothing left out, in ascending order of their bounds.
void write_histogram(const HistogramColumns& samples, const HistogramRun& run, size_t sample,
                     std::string& out);

}  // namespace narthex
