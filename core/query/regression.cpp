// deriv and predict_linear: least squares.
#include <cmath>

#include "chunk/stale.h"
#include "query/precise.h"
#include "query/range_function.h"

namespace narthex {

namespace {

constexpr double kSlide = 16;  // mean samples a window from which sliding pays

struct Line {
    double slope;      // a second
    double intercept;  // at the time that was asked for
};

// Least squares over a window. Times and values are taken from the first sample, where the sums lose least,
// and the line is then read at `origin` (milliseconds).
Line fit(const Samples& s, size_t lo, size_t hi, int64_t origin) {
    int64_t first = s.t[lo];
    const double base = std::isfinite(s.v[lo]) ? s.v[lo] : 0;
    CompensatedSum x, y, xy, xx;
    for (size_t i = lo; i < hi; ++i) {
        double seconds = static_cast<double>(s.t[i] - first) / 1e3, value = s.v[i] - base;
        x.add(seconds);
        y.add(value);
        xy.add(seconds * value);
        xx.add(seconds * seconds);
    }
    auto n = static_cast<double>(hi - lo);
    double sum_x = x.sum + x.rest, sum_y = y.sum + y.rest;
    double covariance = xy.sum + xy.rest - sum_x * sum_y / n;
    double variance = xx.sum + xx.rest - sum_x * sum_x / n;
    double slope = covariance / variance;
    return {slope, base + sum_y / n + slope * (static_cast<double>(origin - first) / 1e3 - sum_x / n)};
}

// The same for all windows of a series, from prefix sums of times and values as seen from its first sample.
class SlidingFit {
  public:
    void start(const Samples& s) {
        s_ = s;
        origin_ = std::isfinite(s.v[0]) ? s.v[0] : 0;
        x_.build(s.v, s.n, [&](size_t i) { return time(i); });
        y_.build(s.v, s.n, [&](size_t i) { return value(i); });
        xy_.build(s.v, s.n, [&](size_t i) { return time(i) * value(i); });
        xx_.build(s.v, s.n, [&](size_t i) { return time(i) * time(i); });
    }

    // Whether the window's line could be told with all digits.
    bool fit(size_t lo, size_t hi, int64_t origin, Line& out) const {
        if (!x_.fits(lo, hi)) return false;
        auto n = static_cast<double>(hi - lo);
        Pair x = x_.sum(lo, hi), y = y_.sum(lo, hi);
        double covariance = (xy_.sum(lo, hi) - x * y / n).value();
        double variance = (xx_.sum(lo, hi) - x * x / n).value();
        if (!xy_.trusts(covariance) || !xx_.trusts(variance)) return false;
        double slope = covariance / variance;
        double ahead = (Pair{static_cast<double>(origin - s_.t[0]), 0} - x / n).value();
        out = {slope * 1e3, (y / n + Pair{origin_, 0}).value() + slope * ahead};
        return true;
    }

  private:
    Pair time(size_t i) const { return {static_cast<double>(s_.t[i] - s_.t[0]), 0}; }
    Pair value(size_t i) const { return two_sum(s_.v[i], -origin_); }

    Samples s_{};
    double origin_ = 0;
    PrefixSums x_, y_, xy_, xx_;
};

}  // namespace

void regression_row(const RangeCall& call, const Samples& s, double* out) {
    thread_local SlidingFit sliding;
    thread_local EqualRuns runs;
    const bool predict = call.op == RangeOp::kPredictLinear;
    const bool slide = mean_window(s, call.grid, call.range) > kSlide && call.grid.count > 4;
    if (slide) sliding.start(s);
    runs.find(s.v, s.n);
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        if (hi - lo < 2) {
            out[k] = stale_nan();
            return;
        }
        int64_t origin = predict ? call.grid.at(k) + call.shift : s.t[lo];
        Line line;
        if (runs.covers(lo, hi)) {
            line = std::isinf(s.v[lo]) ? Line{normal_nan(), normal_nan()} : Line{0, s.v[lo]};
        } else if (!slide || !sliding.fit(lo, hi, origin, line)) {
            call.check();
            line = fit(s, lo, hi, origin);
        }
        out[k] = predict ? line.slope * call.param[k] + line.intercept : line.slope;
    });
}

}  // namespace narthex
