// deriv and predict_linear: least squares.
#include <cmath>

#include "chunk/stale.h"
#include "query/pivot.h"
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

// Sums of times (milliseconds), values, and their products as seen from one sample.
struct Moments {
    double x = 0, y = 0, xy = 0, xx = 0, yy = 0;

    void add(double time, double value) {
        x += time;
        y += value;
        xy += time * value;
        xx += time * time;
        yy += value * value;
    }
};

// The same for all windows of a series: sums up to a pivot and from it on, as seen from the sample before it,
// which is in the window.
class SlidingFit {
  public:
    void start(const Samples& s) {
        s_ = s;
        window_.start({}, s.n);
    }

    // Whether the window's line could be told with all digits.
    bool fit(size_t lo, size_t hi, int64_t origin, Line& out) {
        window_.move(
            lo, hi, 1,
            [this](size_t from, size_t to, Moments* before) {
                time_ = s_.t[to - 1];
                value_ = s_.v[to - 1];
                Moments sums;
                for (size_t i = to; i-- > from;) {
                    add(sums, i);
                    before[i] = sums;
                }
            },
            [this](Moments& after, size_t i) { add(after, i); });
        const Moments &a = window_.before(lo), &b = window_.after();
        const double share = 1 / static_cast<double>(hi - lo);
        double x = a.x + b.x, y = a.y + b.y, xx = a.xx + b.xx;
        double covariance = a.xy + b.xy - x * y * share;
        double variance = xx - x * x * share;
        // By Cauchy and Schwarz the products add up to at most the root of xx yy.
        if (!(covariance * covariance > kEnoughLeft * kEnoughLeft * xx * (a.yy + b.yy))) return false;
        if (!(variance > kEnoughLeft * xx)) return false;
        double slope = covariance / variance;
        double ahead = static_cast<double>(origin - time_) - x * share;
        out = {slope * 1e3, y * share + value_ + slope * ahead};
        return true;
    }

  private:
    void add(Moments& sums, size_t i) const {
        sums.add(static_cast<double>(s_.t[i] - time_), s_.v[i] - value_);
    }

    Samples s_{};
    int64_t time_ = 0;
    double value_ = 0;
    PivotWindow<Moments> window_;
};

}  // namespace

void regression_row(const RangeCall& call, const Samples& s, double* out) {
    thread_local SlidingFit kept;
    thread_local EqualRuns equal;
    SlidingFit& sliding = kept;
    EqualRuns& runs = equal;
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
