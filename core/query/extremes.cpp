// min, max and their times over a window, with a queue of candidates: each sample enters and leaves it once.
#include <cmath>
#include <vector>

#include "chunk/stale.h"
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

}  // namespace

void extreme_row(const RangeCall& call, const Samples& s, double* out) {
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
