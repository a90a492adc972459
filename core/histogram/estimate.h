// What the buckets of a native histogram tell about its observations.
#pragma once

#include "histogram/float_histogram.h"

namespace narthex {

struct Estimate {
    double value;
    // The histogram has observations of NaN, which are in no bucket.
    bool nan_observations = false;
};

// The q-quantile. Within exponential buckets observations are taken to be spread evenly over the logarithm,
// within custom buckets and the zero bucket over the value itself; the zero bucket reaches to 0 only where
// the histogram has no buckets on the other side, and so does the first custom bucket when it ends above 0.
// NaN without observations, -Inf for q < 0, +Inf for q > 1. Observations of NaN rank above all others; a
// quantile among them is NaN.
Estimate quantile(const FloatHistogramView& h, double q);

// The share of all observations that lie between two values, by the same assumptions. Observations of NaN lie
// nowhere. NaN without observations or for a NaN value.
Estimate fraction(const FloatHistogramView& h, double lower, double upper);

// Every observation is taken to be at the middle of its bucket: the geometric mean of the bounds of an
// exponential bucket, 0 for the zero bucket, else the arithmetic mean.
double variance(const FloatHistogramView& h);

}  // namespace narthex
