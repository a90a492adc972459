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

// Whether any value is NaN, special or not. Found in vectors; most series have none.
inline bool any_nan(const Samples& s) {
    int64_t found = 0;  // as wide as what is compared, for the sake of vector instructions
    for (size_t i = 0; i < s.n; ++i) found += s.v[i] != s.v[i];
    return found != 0;
}

// The first of n ascending times, from `at` on, that is after `bound`. Samples mostly come evenly, so the
// step that was taken last, `by`, is tried first.
inline size_t step_past(const int64_t* t, size_t n, size_t at, int64_t bound, size_t& by) {
    size_t guess = at + by;
    if (guess <= n && (by == 0 || t[guess - 1] <= bound) && (guess == n || t[guess] > bound)) return guess;
    size_t next = at;
    while (next < n && t[next] <= bound) ++next;
    by = next - at;
    return next;
}

// Calls f(k, lo, hi) for every step: samples [lo, hi) are those in (at(k) - range, at(k)]. Costs O(n +
// steps).
template <typename F>
void each_window(const Samples& s, const StepGrid& grid, int64_t range, F&& f) {
    size_t lo = 0, hi = 0, lo_by = 0, hi_by = 0;
    for (size_t k = 0; k < grid.count; ++k) {
        int64_t end = grid.at(k);
        hi = step_past(s.t, s.n, hi, end, hi_by);
        lo = step_past(s.t, hi, lo, end - range, lo_by);
        f(k, lo, hi);
    }
}

}  // namespace narthex
