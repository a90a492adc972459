// Functions that need only the ends of a window, and counts of what happens between neighbours.
#include <bit>
#include <cmath>
#include <vector>

#include "chunk/stale.h"
#include "query/range_function.h"
#include "query/start_times.h"

namespace narthex {

namespace {

double pick(RangeOp op, const Samples& s, size_t lo, size_t hi) {
    switch (op) {
        case RangeOp::kCount:
            return static_cast<double>(hi - lo);
        case RangeOp::kLast:
            return s.v[hi - 1];
        case RangeOp::kFirst:
            return s.v[lo];
        case RangeOp::kTsOfFirst:
            return static_cast<double>(s.t[lo]) / 1000;
        case RangeOp::kTsOfLast:
            return static_cast<double>(s.t[hi - 1]) / 1000;
        default:
            return 1;  // present
    }
}

bool reset(const Samples& s, size_t i) {
    return s.v[i] < s.v[i - 1] || (s.starts && began_anew(started(s, i - 1), started(s, i)));
}

}  // namespace

void pick_row(const RangeCall& call, const Samples& s, double* out) {
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        out[k] = lo == hi ? stale_nan() : pick(call.op, s, lo, hi);
    });
}

void transitions_row(const RangeCall& call, const Samples& s, double* out) {
    // seen[i] counts transitions between neighbours up to sample i.
    thread_local std::vector<uint64_t> seen;
    seen.resize(s.n + 1);
    seen[0] = 0;
    for (size_t i = 1; i < s.n; ++i) {
        bool hit = call.op == RangeOp::kResets ? reset(s, i) : changed(s.v[i - 1], s.v[i]);
        seen[i] = seen[i - 1] + hit;
    }
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        out[k] = lo == hi ? stale_nan() : static_cast<double>(seen[hi - 1] - seen[lo]);
    });
}

}  // namespace narthex
