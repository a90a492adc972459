// The operators </ and >/: a native histogram without its observations beyond a value.
#pragma once

#include "histogram/float_histogram.h"

namespace narthex {

// Keeps observations below `value`, or those above it. Of the bucket that holds the value the share is kept
// that interpolation gives; a bucket that reaches to infinity is kept whole or not at all. When anything
// went, count and sum are estimated anew from the buckets that are left, and those are compacted.
void trim(FloatHistogram& h, double value, bool keep_below);

}  // namespace narthex
