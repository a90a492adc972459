#include "query/histogram_functions.h"

#include <cmath>

#include "histogram/estimate.h"

namespace narthex {

namespace {

double number_of(HistogramNumber what, const FloatHistogramView& h) {
    switch (what) {
        case HistogramNumber::kCount:
            return h.count;
        case HistogramNumber::kSum:
            return h.sum;
        case HistogramNumber::kAvg:
            return h.sum / h.count;
        case HistogramNumber::kStddev:
            return std::sqrt(variance(h));
        case HistogramNumber::kStdvar:
            return variance(h);
    }
    return normal_nan();
}

// f(row, step, histogram) gives the number of each histogram.
template <typename F>
void each_histogram(const PooledCells& in, QueryBudget& budget, double* out, F&& f) {
    for (size_t row = 0; row < in.rows; ++row) {
        budget.check();
        const double* cells = in.cells + row * in.steps;
        double* to = out + row * in.steps;
        for (size_t k = 0; k < in.steps; ++k)
            to[k] = is_histogram_cell(cells[k]) ? f(row, k, in.pool.at(cells[k])) : stale_nan();
    }
}

}  // namespace

void histogram_numbers(HistogramNumber what, const PooledCells& in, QueryBudget& budget, double* out) {
    each_histogram(in, budget, out,
                   [what](size_t, size_t, const FloatHistogramView& h) { return number_of(what, h); });
}

void native_quantiles(const PooledCells& in, const double* q, QueryBudget& budget, double* out,
                      uint32_t* notes) {
    each_histogram(in, budget, out, [&](size_t row, size_t k, const FloatHistogramView& h) {
        Estimate e = quantile(h, q[k]);
        if (e.nan_observations) notes[row] |= std::isnan(e.value) ? kNoteNaNQuantile : kNoteSkewedQuantile;
        return e.value;
    });
}

void native_fractions(const PooledCells& in, const double* lower, const double* upper, QueryBudget& budget,
                      double* out, uint32_t* notes) {
    each_histogram(in, budget, out, [&](size_t row, size_t k, const FloatHistogramView& h) {
        Estimate e = fraction(h, lower[k], upper[k]);
        if (e.nan_observations) notes[row] |= kNoteNaNFraction;
        return e.value;
    });
}

void negate_histograms(const PooledCells& in, QueryBudget& budget, HistogramPool& pool, double* out) {
    for (size_t row = 0; row < in.rows; ++row) {
        budget.check();
        for (size_t i = row * in.steps; i < (row + 1) * in.steps; ++i) {
            if (!is_histogram_cell(in.cells[i])) continue;
            FloatHistogram h = in.pool.value(in.cells[i]);
            h.multiply(-1);
            out[i] = pool.add(std::move(h));
        }
    }
}

}  // namespace narthex
