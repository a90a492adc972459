// Range selectors that look beyond their window: `anchored` takes the last sample before it as the value at
// its start, `smoothed` interpolates the values at both edges from the samples around them. No extrapolation.
#pragma once

#include "query/range_function.h"
#include "query/select.h"

namespace narthex {

// `op` is one of rate, increase, delta, changes, resets (smoothed: the first three). Samples up to `lookback`
// milliseconds before the window count and, when smoothed, as far behind it.
struct ExtendedCall {
    RangeOp op;
    StepGrid grid;
    int64_t range;
    int64_t lookback;
    bool smoothed;
    const QueryBudget* budget = nullptr;  // stops a row between its windows
};
void extended_row(const ExtendedCall& call, const Samples& s, double* out);

// The samples of one window (end - range, end] with those at its edges put in; appended to `out`.
void extended_samples(const ExtendedCall& call, const Samples& s, SampleBuffer& out);

// A smoothed instant selector: the value at a step between the samples around it, the one before when none
// follows.
void smoothed_row(const LookbackCall& call, const Samples& s, double* out);

// As range_rows and select_rows.
void extended_rows(const SampleSource& source, RowRange rows, const ExtendedCall& call,
                   const RowTarget& target, QueryBudget& budget, const HistogramTarget& histograms = {});
void smoothed_rows(const SampleSource& source, RowRange rows, const LookbackCall& call,
                   const RowTarget& target, QueryBudget& budget, const HistogramTarget& histograms = {});

}  // namespace narthex
