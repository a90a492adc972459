// sum, avg, stddev and stdvar over time. Short windows are recomputed. Long ones slide where that loses
// nothing: sums over prefix sums of double precision, spreads around a pivot.
#include <algorithm>
#include <cmath>

#include "chunk/stale.h"
#include "query/pivot.h"
#include "query/precise.h"
#include "query/range_function.h"

namespace narthex {

namespace {

// Mean samples a window from which sliding pays.
constexpr double kSlideSums = 16;

// Samples a window from which sums side by side pay.
constexpr size_t kLong = 16;

// Four sums with their errors side by side, so that additions do not wait for each other. NaN where the order
// of the additions may matter: there are values that are not finite, or enormous ones.
Pair lane_sum(const double* v, size_t n) {
    constexpr size_t kLanes = 4;
    double sums[kLanes] = {-0.0, -0.0, -0.0, -0.0}, rests[kLanes] = {0, 0, 0, 0};
    double greatest[kLanes] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
        for (size_t k = 0; k < kLanes; ++k) {
            Pair s = two_sum(sums[k], v[i + k]);
            sums[k] = s.hi;
            rests[k] += s.lo;
            greatest[k] = std::fabs(v[i + k]) > greatest[k] ? std::fabs(v[i + k]) : greatest[k];
        }
    }
    for (size_t k = 0; i < n; ++i, ++k) {
        Pair s = two_sum(sums[k], v[i]);
        sums[k] = s.hi;
        rests[k] += s.lo;
        greatest[k] = std::max(greatest[k], std::fabs(v[i]));
    }
    if (*std::max_element(greatest, greatest + kLanes) > kMostAdded) return {normal_nan(), 0};
    Pair total{sums[0], rests[0]};
    for (size_t k = 1; k < kLanes; ++k) {
        Pair s = two_sum(total.hi, sums[k]);
        total = {s.hi, total.lo + (rests[k] + s.lo)};
    }
    return total;
}

double direct_sum(const double* v, size_t n) {
    if (n >= kLong) {
        Pair whole = lane_sum(v, n);
        if (!std::isnan(whole.value())) return whole.value();
    }
    CompensatedSum sum;
    for (size_t i = 0; i < n; ++i) sum.add(v[i]);
    return sum.value();
}

// The mean as the sum by the count; when the sum would overflow, from there on as a running mean.
double direct_mean(const double* v, size_t n) {
    if (n >= kLong) {
        Pair whole = lane_sum(v, n);
        auto count = static_cast<double>(n);
        if (!std::isnan(whole.value())) return whole.hi / count + whole.lo / count;
    }
    CompensatedSum sum;
    sum.sum = v[0];
    for (size_t i = 1; i < n; ++i) {
        CompensatedSum next = sum;
        next.add(v[i]);
        if (!std::isinf(next.sum)) {
            sum = next;
            continue;
        }
        auto count = static_cast<double>(i);
        CompensatedSum mean{sum.sum / count, sum.rest / count};
        for (; i < n; ++i) {
            count = static_cast<double>(i + 1);
            double kept = (count - 1) / count;
            mean = {kept * mean.sum, kept * mean.rest};
            mean.add(v[i] / count);
        }
        return mean.sum + mean.rest;
    }
    auto count = static_cast<double>(n);
    return sum.sum / count + sum.rest / count;
}

// Four sums side by side: their additions do not wait for each other.
template <typename F>
double quick_sum(size_t n, F&& value) {
    double sums[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        for (size_t k = 0; k < 4; ++k) sums[k] += value(i + k);
    }
    double sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (; i < n; ++i) sum += value(i);
    return sum;
}

// Two passes around the first value, so that a constant window gives exactly 0. The second pass also finds by
// how much the mean was off and takes that out again, so the first need not be precise.
double direct_variance(const double* v, size_t n) {
    double origin = v[0];
    auto count = static_cast<double>(n);
    double mean = quick_sum(n, [=](size_t i) { return v[i] - origin; }) / count;
    double rest = quick_sum(n, [=](size_t i) { return (v[i] - origin) - mean; });
    double squares = quick_sum(n, [=](size_t i) {
        double d = (v[i] - origin) - mean;
        return d * d;
    });
    if (std::isinf(squares)) return squares;
    return (squares - rest * rest / count) / count;
}

}  // namespace

void sum_row(const RangeCall& call, const Samples& s, double* out) {
    thread_local PrefixSums prefix;
    thread_local EqualRuns runs;
    const bool mean = call.op == RangeOp::kAvg;
    const bool slide = mean_window(s, call.grid, call.range) > kSlideSums && call.grid.count > 4;
    if (slide) {
        prefix.build(s.v, s.n);
        runs.find(s.v, s.n);
    }
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        if (lo == hi) {
            out[k] = stale_nan();
            return;
        }
        if (slide && prefix.fits(lo, hi)) {
            auto count = static_cast<double>(hi - lo);
            if (runs.covers(lo, hi)) {
                out[k] = mean ? s.v[lo] : s.v[lo] * count;
                return;
            }
            double sum = prefix.sum(lo, hi).value();
            if (prefix.trusts(sum)) {
                out[k] = mean ? sum / count : sum;
                return;
            }
        }
        call.check();
        out[k] = mean ? direct_mean(s.v + lo, hi - lo) : direct_sum(s.v + lo, hi - lo);
    });
}

void variance_row(const RangeCall& call, const Samples& s, double* out) {
    // Sums of distances from the sample before the pivot, and of their squares.
    struct Distances {
        double sum = 0, squares = 0;

        void add(double distance) {
            sum += distance;
            squares += distance * distance;
        }
    };
    thread_local PivotWindow<Distances> kept;
    thread_local EqualRuns equal;
    PivotWindow<Distances>& window = kept;
    EqualRuns& runs = equal;
    const bool root = call.op == RangeOp::kStddev;
    const bool slide = mean_window(s, call.grid, call.range) > kSlideSums && call.grid.count > 4;
    if (slide) {
        window.start({}, s.n);
        runs.find(s.v, s.n);
    }
    double origin = 0;
    auto fill = [&](size_t lo, size_t hi, Distances* before) {
        origin = s.v[hi - 1];
        Distances sums;
        for (size_t i = hi; i-- > lo;) {
            sums.add(s.v[i] - origin);
            before[i] = sums;
        }
    };
    auto extend = [&](Distances& after, size_t i) { after.add(s.v[i] - origin); };
    auto variance = [&](size_t lo, size_t hi) {
        if (slide) {
            window.move(lo, hi, 1, fill, extend);
            const Distances &a = window.before(lo), &b = window.after();
            double share = 1 / static_cast<double>(hi - lo), sum = a.sum + b.sum,
                   squares = a.squares + b.squares;
            double rest = squares - sum * sum * share;
            if (std::isfinite(squares) && rest > kEnoughLeft * squares) return rest * share;
            if (runs.covers(lo, hi) && std::isfinite(s.v[lo])) return 0.0;
        }
        call.check();
        return direct_variance(s.v + lo, hi - lo);
    };
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        if (lo == hi) {
            out[k] = stale_nan();
        } else {
            out[k] = root ? std::sqrt(variance(lo, hi)) : variance(lo, hi);
        }
    });
}

}  // namespace narthex
