#include "query/range_function.h"

#include <algorithm>

#include "query/start_times.h"

namespace narthex {

double mean_window(const Samples& s, const StepGrid& grid, int64_t range) {
    if (s.n < 2 || grid.count == 0) return 0;
    auto span = static_cast<double>(s.t[s.n - 1] - s.t[0]);
    auto n = static_cast<double>(s.n);
    return std::min(n, n * static_cast<double>(range) / std::max(span, 1.0));
}

bool start_times_overlap(const RangeCall& call, const Samples& s) {
    if (!call.start_times || !s.starts) return false;
    if (call.op != RangeOp::kRate && call.op != RangeOp::kIncrease) return false;
    size_t next = 1;  // no overlap before it that a later window could hold
    bool found = false;
    each_window(s, call.grid, call.range, [&](size_t, size_t lo, size_t hi) {
        next = std::max(next, lo + 1);
        for (; next < hi && !found; ++next) found = counts_twice(started(s, next - 1), started(s, next));
    });
    return found;
}

void range_function(const RangeCall& call, const Samples& s, double* out) {
    switch (call.op) {
        case RangeOp::kRate:
        case RangeOp::kIncrease:
        case RangeOp::kDelta:
            return rate_row(call, s, out);
        case RangeOp::kIrate:
        case RangeOp::kIdelta:
            return instant_rate_row(call, s, out);
        case RangeOp::kChanges:
        case RangeOp::kResets:
            return transitions_row(call, s, out);
        case RangeOp::kDeriv:
        case RangeOp::kPredictLinear:
            return regression_row(call, s, out);
        case RangeOp::kSmoothing:
            return smoothing_row(call, s, out);
        case RangeOp::kSum:
        case RangeOp::kAvg:
            return sum_row(call, s, out);
        case RangeOp::kStddev:
        case RangeOp::kStdvar:
            return variance_row(call, s, out);
        case RangeOp::kMin:
        case RangeOp::kMax:
        case RangeOp::kTsOfMin:
        case RangeOp::kTsOfMax:
            return extreme_row(call, s, out);
        case RangeOp::kCount:
        case RangeOp::kLast:
        case RangeOp::kFirst:
        case RangeOp::kPresent:
        case RangeOp::kTsOfFirst:
        case RangeOp::kTsOfLast:
            return pick_row(call, s, out);
        case RangeOp::kQuantile:
            return quantile_row(call, s, out);
        case RangeOp::kMad:
            return deviation_row(call, s, out);
    }
}

}  // namespace narthex
