// Functions over the windows of a series that has native histograms, perhaps beside numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "query/histogram_pool.h"
#include "query/notes.h"
#include "query/range_function.h"
#include "query/source.h"

namespace narthex {

// The series, without stale markers, and where its results go. What is to be told of it is added to `notes`.
struct MixedRow {
    Samples numbers;
    const HistogramSamples& histograms;
    HistogramPool& pool;
    uint32_t& notes;
};

// As range_function. Functions that take numbers alone leave histograms out; sums and rates have no value
// where a window has both.
void mixed_range_function(const RangeCall& call, MixedRow& row, double* out);

// The families.
void histogram_rate_row(const RangeCall& call, MixedRow& row, double* out);
void histogram_instant_rate_row(const RangeCall& call, MixedRow& row, double* out);
void histogram_sum_row(const RangeCall& call, MixedRow& row, double* out);
void mixed_transitions_row(const RangeCall& call, MixedRow& row, double* out);
void mixed_pick_row(const RangeCall& call, MixedRow& row, double* out);

// Samples [lo, hi) of one kind.
struct WindowSlice {
    size_t lo, hi;
    size_t size() const { return hi - lo; }
};

// Calls f(k, numbers, histograms) with the samples of each window.
template <typename F>
void each_mixed_window(const RangeCall& call, const MixedRow& row, F&& f) {
    const HistogramSamples& h = row.histograms;
    Samples times = h.as_times();
    thread_local std::vector<WindowSlice> slices;
    slices.clear();
    each_window(row.numbers, call.grid, call.range,
                [](size_t, size_t lo, size_t hi) { slices.push_back({lo, hi}); });
    each_window(times, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        call.check();
        f(k, slices[k], WindowSlice{lo, hi});
    });
}

}  // namespace narthex
