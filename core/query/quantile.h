// Quantiles of values in memory, and of sliding windows.
#pragma once

#include <cstddef>

namespace narthex {

// The q-quantile with linear interpolation between neighbours; NaN sorts below all numbers. q outside [0, 1]
// gives an infinity, NaN gives NaN. n > 0. Reorders `values`.
double quantile_of(double q, double* values, size_t n);

// What a q that is no quantile gives; true when `result` was set.
bool degenerate_quantile(double q, double& result);

}  // namespace narthex
