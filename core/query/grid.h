// The steps of a query and the windows that end at them.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
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

// Whether any value is NaN, special or not. Most series have none, nor infinities: x - x is +0 then, which is
// seen in integers, since comparisons would keep the loop from vector instructions.
inline bool any_nan(const Samples& s) {
    uint64_t bits = 0;
    for (size_t i = 0; i < s.n; ++i) bits |= std::bit_cast<uint64_t>(s.v[i] - s.v[i]);
    return bits != 0 && std::any_of(s.v, s.v + s.n, [](double v) { return std::isnan(v); });
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

// `count` windows from step k on of one shape: window k + j has the samples [lo + j * by, hi + j * by), as
// far from its end as those of window k are from theirs.
struct EvenWindows {
    size_t k;
    size_t count;
    size_t lo;
    size_t hi;
    size_t by;
};

// Finds how far samples repeat from step to step. Costs O(n) for all windows of a series together.
class Evenness {
  public:
    Evenness(const Samples& s, int64_t step) : s_(s), step_(static_cast<uint64_t>(step)) {}

    // How many windows after the one of samples [lo, hi) are like it but `by` samples further on, `most` at
    // most. `lo`, and `hi` with it, never goes down from call to call.
    size_t follow(size_t lo, size_t hi, size_t by, size_t most) {
        if (by == 0 || lo == 0 || hi + by >= s_.n || most == 0 || !repeats(lo - 1, by)) return 0;
        // The samples before and behind a window decide about its ends, too.
        if (by != by_ || to_ < lo - 1) to_ = lo - 1;
        by_ = by;
        extend(hi + (most - 1) * by);
        return to_ > hi ? std::min(most, (to_ - 1 - hi) / by + 1) : 0;
    }

  private:
    bool repeats(size_t i, size_t by) const {
        return static_cast<uint64_t>(s_.t[i + by]) - static_cast<uint64_t>(s_.t[i]) == step_;
    }
    // Moves `to_` to the first sample that does not repeat, or behind `last`.
    void extend(size_t last) {
        constexpr size_t kBlock = 16;
        const size_t end = std::min(s_.n - by_, last + 1);
        for (; to_ + kBlock <= end; to_ += kBlock) {
            uint64_t different = 0;
            for (size_t i = to_; i < to_ + kBlock; ++i)
                different |= (static_cast<uint64_t>(s_.t[i + by_]) - static_cast<uint64_t>(s_.t[i])) ^ step_;
            if (different) break;
        }
        while (to_ < end && repeats(to_, by_)) ++to_;
    }

    const Samples& s_;
    uint64_t step_;
    size_t by_ = 0;
    size_t to_ = 0;  // samples up to here repeat `by_` further on
};

// Calls f(windows) with EvenWindows for all steps: windows hold the samples in (at(k) - range, at(k)]. Costs
// O(n + steps).
template <typename F>
void each_even(const Samples& s, const StepGrid& grid, int64_t range, F&& f) {
    Evenness evenness(s, grid.step);
    size_t lo = 0, hi = 0, lo_by = 0, hi_by = 0;
    for (size_t k = 0; k < grid.count;) {
        int64_t end = grid.at(k);
        hi = step_past(s.t, s.n, hi, end, hi_by);
        lo = step_past(s.t, hi, lo, end - range, lo_by);
        size_t more = lo_by == hi_by ? evenness.follow(lo, hi, hi_by, grid.count - 1 - k) : 0;
        f(EvenWindows{k, more + 1, lo, hi, hi_by});
        k += more + 1;
        lo += more * hi_by;
        hi += more * hi_by;
    }
}

// Calls f(k, lo, hi) for every step: samples [lo, hi) are those in (at(k) - range, at(k)]. Costs O(n +
// steps).
template <typename F>
void each_window(const Samples& s, const StepGrid& grid, int64_t range, F&& f) {
    each_even(s, grid, range, [&](const EvenWindows& w) {
        for (size_t j = 0; j < w.count; ++j) f(w.k + j, w.lo + j * w.by, w.hi + j * w.by);
    });
}

}  // namespace narthex
