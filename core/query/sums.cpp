// sum, avg, stddev and stdvar over time. Short windows are recomputed, long ones slide over prefix sums of
// double precision where the values allow it without loss (PrefixSums::fits).
#include <cmath>

#include "chunk/stale.h"
#include "query/precise.h"
#include "query/range_function.h"

namespace narthex {

namespace {

// Mean samples a window from which sliding pays.
constexpr double kSlideSums = 16;
constexpr double kSlideVariance = 96;
constexpr double kSuspicious = 1e-18;

double direct_sum(const double* v, size_t n) {
    CompensatedSum sum;
    for (size_t i = 0; i < n; ++i) sum.add(v[i]);
    return sum.value();
}

// The mean as the sum by the count; when the sum would overflow, from there on as a running mean.
double direct_mean(const double* v, size_t n) {
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
    const bool mean = call.op == RangeOp::kAvg;
    const bool slide = mean_window(s, call.grid, call.range) > kSlideSums && call.grid.count > 4 &&
                       PrefixSums::fits(s.v, s.n);
    if (slide) prefix.build(s.n, [&](size_t i) { return Pair{s.v[i], 0}; });
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        if (lo == hi) {
            out[k] = stale_nan();
        } else if (slide) {
            double sum = prefix.sum(lo, hi).value();
            out[k] = mean ? sum / static_cast<double>(hi - lo) : sum;
        } else {
            call.check();
            out[k] = mean ? direct_mean(s.v + lo, hi - lo) : direct_sum(s.v + lo, hi - lo);
        }
    });
}

void variance_row(const RangeCall& call, const Samples& s, double* out) {
    thread_local PrefixSums sums, squares;
    const bool root = call.op == RangeOp::kStddev;
    const bool slide = mean_window(s, call.grid, call.range) > kSlideVariance && call.grid.count > 4 &&
                       PrefixSums::fits(s.v, s.n);
    if (slide) {
        double origin = s.v[0];
        sums.build(s.n, [&](size_t i) { return two_sum(s.v[i], -origin); });
        squares.build(s.n, [&](size_t i) {
            Pair d = two_sum(s.v[i], -origin);
            return d * d;
        });
    }
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        if (lo == hi) {
            out[k] = stale_nan();
            return;
        }
        auto count = static_cast<double>(hi - lo);
        double variance = -1;
        if (slide) {
            Pair sum = sums.sum(lo, hi), square = squares.sum(lo, hi);
            variance = ((square - sum * sum / count) / count).value();
            // Too much was cancelled to trust the rest.
            if (!(variance > kSuspicious * square.hi / count)) variance = -1;
        }
        if (variance < 0) {
            call.check();
            variance = direct_variance(s.v + lo, hi - lo);
        }
        out[k] = root ? std::sqrt(variance) : variance;
    });
}

}  // namespace narthex
