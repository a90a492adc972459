// Native histograms as people read them.
#pragma once

#include <string>

#include "histogram/float_histogram.h"

namespace narthex {

// {count:6, sum:4.5, [-2,-1):1, [-0.001,0.001]:2, (1,2]:3}, the text that Prometheus gives a value of
// count_values. Only buckets that hold something.
std::string histogram_text(const FloatHistogramView& h);

}  // namespace narthex
