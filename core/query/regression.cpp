// deriv and predict_linear (least squares) and double_exponential_smoothing (Holt's linear method).
#include <cmath>

#include "chunk/stale.h"
#include "query/precise.h"
#include "query/range_function.h"

namespace narthex {

namespace {

struct Line {
    double slope;      // a second
    double intercept;  // at `origin`
};

// Least squares over a window. Times are taken from the first sample, where the sums lose least, and the line
// is then read at `origin` (milliseconds).
Line fit(const Samples& s, size_t lo, size_t hi, int64_t origin) {
    bool constant = true;
    for (size_t i = lo + 1; i < hi && constant; ++i) constant = s.v[i] == s.v[lo];
    if (constant) {
        if (std::isinf(s.v[lo])) return {normal_nan(), normal_nan()};
        return {0, s.v[lo]};
    }
    int64_t first = s.t[lo];
    CompensatedSum x, y, xy, xx;
    for (size_t i = lo; i < hi; ++i) {
        double seconds = static_cast<double>(s.t[i] - first) / 1e3;
        x.add(seconds);
        y.add(s.v[i]);
        xy.add(seconds * s.v[i]);
        xx.add(seconds * seconds);
    }
    auto n = static_cast<double>(hi - lo);
    double sum_x = x.sum + x.rest, sum_y = y.sum + y.rest;
    double covariance = xy.sum + xy.rest - sum_x * sum_y / n;
    double variance = xx.sum + xx.rest - sum_x * sum_x / n;
    double slope = covariance / variance;
    return {slope, sum_y / n + slope * (static_cast<double>(origin - first) / 1e3 - sum_x / n)};
}

}  // namespace

void regression_row(const RangeCall& call, const Samples& s, double* out) {
    const bool predict = call.op == RangeOp::kPredictLinear;
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        call.check();
        if (hi - lo < 2) {
            out[k] = stale_nan();
        } else if (predict) {
            Line line = fit(s, lo, hi, call.grid.at(k) + call.shift);
            out[k] = line.slope * call.param[k] + line.intercept;
        } else {
            out[k] = fit(s, lo, hi, s.t[lo]).slope;
        }
    });
}

void smoothing_row(const RangeCall& call, const Samples& s, double* out) {
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        call.check();
        if (hi - lo < 2) {
            out[k] = stale_nan();
            return;
        }
        double level_factor = call.param[k], trend_factor = call.param2[k];
        double level = s.v[lo], trend = s.v[lo + 1] - s.v[lo];
        for (size_t i = lo + 1; i < hi; ++i) {
            double before = level;
            level = level_factor * s.v[i] + (1 - level_factor) * (before + trend);
            trend = trend_factor * (level - before) + (1 - trend_factor) * trend;
        }
        out[k] = level;
    });
}

}  // namespace narthex
