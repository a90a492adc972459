// Adding and subtracting native histograms.
#pragma once

#include "histogram/float_histogram.h"

namespace narthex {

// What users have to be told.
struct Combined {
    bool incompatible = false;       // custom buckets with exponential ones: nothing was changed
    bool reset_collision = false;    // one begins anew and the other is known not to
    bool bounds_reconciled = false;  // custom bounds differ: buckets ended up between those that both have

    Combined& operator|=(Combined other) {
        incompatible |= other.incompatible;
        reset_collision |= other.reset_collision;
        bounds_reconciled |= other.bounds_reconciled;
        return *this;
    }
};

// Both are brought to the coarser schema and to a zero bucket that holds theirs and cuts no populated bucket;
// custom buckets to the bounds that both have. Buckets that only one has are kept, also when empty. Hints: a
// gauge makes a gauge, else what both agree on. `other` must not be a view of the histogram that is changed.
// Memory: no more buckets than both have together.
Combined add(FloatHistogram& to, const FloatHistogramView& other);
// The same with the other's counts negated; the operator `-` makes a gauge of it besides.
Combined subtract(FloatHistogram& from, const FloatHistogramView& other);

// What additions to a histogram lost, by count and by bucket (Neumaier's sum, query/precise.h). As many
// buckets as the histogram has.
struct Rest {
    double zero_count = 0;
    double count = 0;
    double sum = 0;
    std::vector<double> positive;
    std::vector<double> negative;

    // Of a histogram nothing was added to yet.
    void begin(const FloatHistogram& h);
    void multiply(double factor);
    void divide(double divisor);
};

// Adds and collects in `rest` what is lost.
Combined add(FloatHistogram& to, Rest& rest, const FloatHistogramView& other);
// Adds what was lost.
void settle(FloatHistogram& to, const Rest& rest);

// At a coarser exponential schema; nothing is done to one that is as coarse, or has custom buckets.
void reduce_schema(FloatHistogram& h, int32_t schema);

// The bounds that both have.
std::vector<double> common_bounds(std::span<const double> a, std::span<const double> b);

// What the zero bucket would be with a threshold that is at least `threshold`, which must not be below h's:
// a populated bucket that would be cut is taken in whole.
struct ZeroBucket {
    double threshold;
    double count;
    double rest;
};
ZeroBucket widened_zero(const FloatHistogramView& h, double threshold);

}  // namespace narthex
