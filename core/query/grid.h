// The steps of a query and the windows that end at them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "chunk/sample_buffer.h"

namespace narthex {

// Step k is at start + k * step milliseconds. A selector's offset is already taken off `start`.
struct StepGrid {
    int64_t start;
    int64_t step;
    size_t count;

    int64_t at(size_t k) const { return start + static_cast<int64_t>(k) * step; }
    int64_t last() const { return count == 0 ? start : at(count - 1); }
};

// One series' samples, ascending in time. `starts` are their start times, 0 where unknown, or null.
struct Samples {
    const int64_t* t;
    const double* v;
    size_t n;
    const int64_t* starts = nullptr;
};

// Calls f(k, lo, hi) for every step: samples [lo, hi) are those in (at(k) - range, at(k)]. Costs O(n +
// steps).
template <typename F>
void each_window(const Samples& s, const StepGrid& grid, int64_t range, F&& f) {
    size_t lo = 0, hi = 0;
    for (size_t k = 0; k < grid.count; ++k) {
        int64_t end = grid.at(k);
        while (hi < s.n && s.t[hi] <= end) ++hi;
        while (lo < hi && s.t[lo] <= end - range) ++lo;
        f(k, lo, hi);
    }
}

}  // namespace narthex
