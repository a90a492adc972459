// sum, avg, stddev and stdvar over time. Short windows are recomputed, long ones slide over prefix sums of
// double precision where the values allow it without loss (PrefixSums::fits).
#include <cmath>

#include "chunk/stale.h"
#include "query/precise.h"
#include "query/range_function.h"

namespace narthex {

namespace {

constexpr double kSlideFrom = 24;  // mean samples a window
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

// Two passes around the first value, so that a constant window gives exactly 0.
double direct_variance(const double* v, size_t n) {
    double origin = v[0];
    auto count = static_cast<double>(n);
    CompensatedSum sum;
    for (size_t i = 0; i < n; ++i) sum.add(v[i] - origin);
    double mean = sum.value() / count;
    double squares = 0, rest = 0;
    for (size_t i = 0; i < n; ++i) {
        double d = (v[i] - origin) - mean;
        squares += d * d;
        rest += d;
    }
    return (squares - rest * rest / count) / count;
}

}  // namespace

void sum_row(const RangeCall& call, const Samples& s, double* out) {
    thread_local PrefixSums prefix;
    const bool mean = call.op == RangeOp::kAvg;
    const bool slide = mean_window(s, call.grid, call.range) > kSlideFrom && call.grid.count > 4 &&
                       PrefixSums::fits(s.v, s.n);
    if (slide) prefix.build(s.n, [&](size_t i) { return Pair{s.v[i], 0}; });
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        if (lo == hi) {
            out[k] = stale_nan();
        } else if (slide) {
            Pair sum = prefix.sum(lo, hi);
            out[k] = mean ? (sum / static_cast<double>(hi - lo)).value() : sum.value();
        } else {
            out[k] = mean ? direct_mean(s.v + lo, hi - lo) : direct_sum(s.v + lo, hi - lo);
        }
    });
}

void variance_row(const RangeCall& call, const Samples& s, double* out) {
    thread_local PrefixSums sums, squares;
    const bool root = call.op == RangeOp::kStddev;
    const bool slide = mean_window(s, call.grid, call.range) > 2 * kSlideFrom && call.grid.count > 4 &&
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
        if (variance < 0) variance = direct_variance(s.v + lo, hi - lo);
        out[k] = root ? std::sqrt(variance) : variance;
    });
}

}  // namespace narthex
