// Functions over range vectors: one pass over a series' samples gives its values at all steps.
// Meaning of each: docs/promql-kernels.md names the source of every formula.
#pragma once

#include <cmath>
#include <cstdint>

#include "query/budget.h"
#include "query/grid.h"

namespace narthex {

// The numbers are part of the binding; src/narthex/promql/functions/over_time.py names them.
enum class RangeOp : uint8_t {
    kRate = 0,
    kIncrease,
    kDelta,
    kIrate,
    kIdelta,
    kChanges,
    kResets,
    kDeriv,
    kPredictLinear,
    kSum,
    kAvg,
    kMin,
    kMax,
    kCount,
    kLast,
    kFirst,
    kPresent,
    kStddev,
    kStdvar,
    kQuantile,
    kMad,
    kTsOfMin,
    kTsOfMax,
    kTsOfFirst,
    kTsOfLast,
    kSmoothing,  // double_exponential_smoothing
};
inline constexpr uint8_t kRangeOps = 26;

// One call for one series. `range` in milliseconds, windows are (t - range, t]. `param` and `param2` hold one
// value a step where the function takes scalars (quantile, seconds ahead, smoothing factors), else null.
// `shift` is added to a step to get the evaluation time (the selector's offset), which predict_linear is
// about.
struct RangeCall {
    RangeOp op;
    StepGrid grid;
    int64_t range;
    int64_t shift = 0;
    const double* param = nullptr;
    const double* param2 = nullptr;
    bool start_times = false;  // rate, increase, irate and resets look at them
    const QueryBudget* budget = nullptr;

    // Throws CanceledError when the query was canceled. For functions that go through each window anew: a row
    // of them may take minutes.
    void check() const {
        if (budget) budget->check();
    }
};

// Writes grid.count cells to `out`; a stale marker where the function has no value. `s` holds no stale
// markers.
void range_function(const RangeCall& call, const Samples& s, double* out);

// Whether, in a window of a call of rate or increase, a sample counts from before the one before it but not
// from where that one does.
bool start_times_overlap(const RangeCall& call, const Samples& s);

// How many samples a window holds on average; kernels choose between recomputing and sliding by it.
double mean_window(const Samples& s, const StepGrid& grid, int64_t range);

// The families, one a file.
void rate_row(const RangeCall& call, const Samples& s, double* out);
void instant_rate_row(const RangeCall& call, const Samples& s, double* out);
// What changes() counts: NaN after NaN is none.
inline bool changed(double before, double now) {
    return before != now && !(std::isnan(before) && std::isnan(now));
}
void transitions_row(const RangeCall& call, const Samples& s, double* out);
void regression_row(const RangeCall& call, const Samples& s, double* out);
void smoothing_row(const RangeCall& call, const Samples& s, double* out);
void sum_row(const RangeCall& call, const Samples& s, double* out);
void variance_row(const RangeCall& call, const Samples& s, double* out);
void extreme_row(const RangeCall& call, const Samples& s, double* out);
void pick_row(const RangeCall& call, const Samples& s, double* out);
void quantile_row(const RangeCall& call, const Samples& s, double* out);
void deviation_row(const RangeCall& call, const Samples& s, double* out);

}  // namespace narthex
