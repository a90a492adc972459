// double_exponential_smoothing (Holt's linear method).
#include <cfloat>
#include <cmath>
#include <vector>

#include "chunk/stale.h"
#include "query/pivot.h"
#include "query/range_function.h"

namespace narthex {

namespace {

constexpr double kSlideSmoothing = 8;  // mean samples a window from which sliding pays

struct Trend {
    double level;
    double trend;
};

struct Factors {
    double level;
    double trend;

    bool operator==(const Factors&) const = default;
};

// The method starts from a window's first value and the rise to the second one, and takes in all but the
// first.
double direct(const double* v, size_t n, Factors by) {
    double level = v[0], trend = v[1] - v[0];
    for (size_t i = 1; i < n; ++i) {
        double before = level;
        level = by.level * v[i] + (1 - by.level) * (before + trend);
        trend = by.trend * (level - before) + (1 - by.trend) * trend;
    }
    return level;
}

// Taking in a value is an affine map x -> A x + c v of level and trend, always with the same A. So of a
// window cut at a pivot, A^m of the state at the pivot plus what the m values from there on add is the state
// at its end. All powers of A are bounded for factors in (0, 1), and what a value adds fades as it does in
// the plain loop.
class Smoother {
  public:
    // A^m, row by row, and A^m c.
    struct Power {
        double a, b, c, d;
        double level, trend;

        Trend of(Trend x) const { return {a * x.level + b * x.trend, c * x.level + d * x.trend}; }
    };

    void start(Factors by) {
        if (by == by_ && !powers_.empty()) return;
        by_ = by;
        powers_.assign(1, {1, 0, 0, 1, by.level, by.level * by.trend});
    }
    // A^m for all m up to that of a window of so many samples.
    void reach(size_t samples) {
        while (powers_.size() <= samples) {
            Power last = powers_.back();
            Trend first = next({last.a, last.c}), second = next({last.b, last.d});
            Trend gain = next({last.level, last.trend});
            powers_.push_back({normal(first.level), normal(second.level), normal(first.trend),
                               normal(second.trend), normal(gain.level), normal(gain.trend)});
        }
    }
    const Power& power(size_t m) const { return powers_[m]; }
    Trend next(Trend x, double v = 0) const {
        const double level_rest = 1 - by_.level, gain = by_.level * by_.trend;
        return {level_rest * x.level + (level_rest * x.trend + by_.level * v),
                (1 - gain) * x.trend + gain * (v - x.level)};
    }

  private:
    // Numbers that fade away would else stay denormal, which is slow.
    static double normal(double x) { return std::fabs(x) < DBL_MIN ? 0 : x; }

    Factors by_{};
    std::vector<Power> powers_;
};

void slide(const RangeCall& call, const Samples& s, Factors by, double* out) {
    thread_local Smoother smoother;
    thread_local PivotWindow<Trend> window;
    smoother.start(by);
    window.start({0, 0}, s.n);
    size_t seen = 0, odd = 0;  // all samples up to `seen`, of which the last infinity or NaN is before `odd`
    auto fill = [&](size_t lo, size_t hi, Trend* before) {
        smoother.reach(hi - lo);
        Trend sum{0, 0};  // what values after the first one add
        for (size_t i = hi - 1; i-- > lo;) {
            const auto& gain = smoother.power(hi - 2 - i);
            sum.level += gain.level * s.v[i + 1];
            sum.trend += gain.trend * s.v[i + 1];
            Trend begin = smoother.power(hi - 1 - i).of({s.v[i], s.v[i + 1] - s.v[i]});
            before[i] = {begin.level + sum.level, begin.trend + sum.trend};
        }
    };
    auto extend = [&](Trend& after, size_t i) { after = smoother.next(after, s.v[i]); };
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        for (; seen < hi; ++seen) odd = std::isfinite(s.v[seen]) ? odd : seen + 1;
        if (hi - lo < 2) {
            out[k] = stale_nan();
            return;
        }
        // An infinity makes the trend after the next value NaN, and with it all levels from then on.
        if (odd > lo && hi - odd >= 2) {
            out[k] = normal_nan();
            return;
        }
        window.move(lo, hi, 2, fill, extend);
        smoother.reach(hi - window.pivot());
        const auto& power = smoother.power(hi - window.pivot());
        out[k] = power.of(window.before(lo)).level + window.after().level;
        if (std::isfinite(out[k])) return;
        call.check();
        out[k] = direct(s.v + lo, hi - lo, by);
    });
}

// Whether the factors are the same at all steps.
bool constant(const double* factor, size_t steps) {
    for (size_t k = 1; k < steps; ++k)
        if (factor[k] != factor[0]) return false;
    return true;
}

}  // namespace

void smoothing_row(const RangeCall& call, const Samples& s, double* out) {
    const size_t steps = call.grid.count;
    if (steps > 4 && mean_window(s, call.grid, call.range) > kSlideSmoothing && constant(call.param, steps) &&
        constant(call.param2, steps))
        return slide(call, s, {call.param[0], call.param2[0]}, out);
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        call.check();
        out[k] = hi - lo < 2 ? stale_nan() : direct(s.v + lo, hi - lo, {call.param[k], call.param2[k]});
    });
}

}  // namespace narthex
