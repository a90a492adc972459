// min, max and their times over a window: each sample is looked at a constant number of times.
#include <algorithm>
#include <cmath>
#include <vector>

#include "chunk/stale.h"
#include "query/pivot.h"
#include "query/range_function.h"

namespace narthex {

namespace {

// Indices of samples that may still become the extreme, best first. NaN never is one while there are numbers.
template <bool kMaximum, bool kNewestWins>
void slide(const RangeCall& call, const Samples& s, bool times, double* out) {
    thread_local std::vector<size_t> queue;
    queue.resize(s.n + 1);
    size_t head = 0, tail = 0, next = 0;
    auto beats = [](double candidate, double last) {
        if (kMaximum) return kNewestWins ? candidate >= last : candidate > last;
        return kNewestWins ? candidate <= last : candidate < last;
    };
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        for (; next < hi; ++next) {
            double v = s.v[next];
            if (std::isnan(v)) continue;
            while (tail > head && beats(v, s.v[queue[tail - 1]])) --tail;
            queue[tail++] = next;
        }
        while (head < tail && queue[head] < lo) ++head;
        if (lo == hi) {
            out[k] = stale_nan();
            return;
        }
        size_t best = head < tail ? queue[head] : hi - 1;  // all NaN: the last of them
        out[k] = times ? static_cast<double>(s.t[best]) / 1000 : s.v[best];
    });
}

// The same for values without NaN, and without branches on them.
template <bool kMaximum>
void slide_values(const RangeCall& call, const Samples& s, double* out) {
    thread_local PivotWindow<double> window;
    auto better = [](double a, double b) { return kMaximum ? std::max(a, b) : std::min(a, b); };
    constexpr double kWorst = kMaximum ? -HUGE_VAL : HUGE_VAL;
    auto fill = [&](size_t lo, size_t hi, double* before) {
        double best = kWorst;
        for (size_t i = hi; i > lo; --i) before[i - 1] = best = better(best, s.v[i - 1]);
    };
    auto extend = [&](double& after, size_t i) { after = better(after, s.v[i]); };
    window.start(kWorst, s.n);
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        if (lo == hi) {
            out[k] = stale_nan();
            return;
        }
        window.move(lo, hi, 1, fill, extend);
        out[k] = better(window.before(lo), window.after());
    });
}

}  // namespace

void extreme_row(const RangeCall& call, const Samples& s, double* out) {
    if (call.op == RangeOp::kMin && !any_nan(s)) return slide_values<false>(call, s, out);
    if (call.op == RangeOp::kMax && !any_nan(s)) return slide_values<true>(call, s, out);
    switch (call.op) {
        case RangeOp::kMin:
            return slide<false, false>(call, s, false, out);
        case RangeOp::kMax:
            return slide<true, false>(call, s, false, out);
        case RangeOp::kTsOfMin:
            return slide<false, true>(call, s, true, out);
        default:
            return slide<true, true>(call, s, true, out);
    }
}

}  // namespace narthex
