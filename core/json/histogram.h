// Native histograms as the JSON of Prometheus' HTTP API.
#pragma once

#include <string>

#include "histogram/float_histogram.h"

namespace narthex {

// {"count":"..","sum":"..","buckets":[[rule,"lower","upper","count"],...]}: buckets that hold something in
// ascending order, left out when there are none. The rule tells which bounds belong to a bucket: 0 the upper
// one, 1 the lower one, 2 none, 3 both.
void write_histogram(std::string& out, const FloatHistogramView& h);

}  // namespace narthex
