// Quantiles and fractions of classic histograms: rows whose `le` label is a cumulative bucket's upper bound.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "query/columns.h"

namespace narthex {

// What had to be repaired in a group because cumulative counts fell from one bucket to the next.
struct Repair {
    uint64_t steps = 0;  // how many steps; 0 means nothing was repaired
    size_t first_step = 0;
    size_t last_step = 0;
    double least_bound = std::numeric_limits<double>::infinity();
    double greatest_bound = -std::numeric_limits<double>::infinity();
    double greatest_fall = 0;
};

// bounds[row] is the row's upper bound; rows with a NaN bound are left out. Writes groups x steps cells: the
// q[k]-quantile at step k. Returns a Repair a group.
std::vector<Repair> histogram_quantile(const GroupedCells& in, const double* bounds, const double* q,
                                       QueryBudget& budget, double* out);

// The share of observations between lower[k] and upper[k].
void histogram_fraction(const GroupedCells& in, const double* bounds, const double* lower,
                        const double* upper, QueryBudget& budget, double* out);

}  // namespace narthex
