#include "query/extended.h"

#include <algorithm>

#include "query/each_mixed_row.h"
#include "query/histogram_extended.h"

namespace narthex {

namespace {

// Samples [first, last] decide about a window: the one at or before its start (or the first inside), and the
// last inside (smoothed: the first at or after its end, if there is one).
struct Edges {
    bool any = false;
    size_t first = 0;
    size_t last = 0;
    double left = 0;   // the value at the window's start
    double right = 0;  // the value at its end
};

// The line through samples i and i + 1 at time t; a counter that was reset between them started from 0.
double between(const Samples& s, size_t i, int64_t t, bool counter) {
    double from = counter && s.v[i + 1] < s.v[i] ? 0 : s.v[i];
    return from +
           (s.v[i + 1] - from) * static_cast<double>(t - s.t[i]) / static_cast<double>(s.t[i + 1] - s.t[i]);
}

// Samples [lo, hi) are those within reach of the window (start, end].
Edges find_edges(const Samples& s, size_t lo, size_t hi, int64_t start, int64_t end, bool smoothed,
                 bool counter) {
    auto index = [&s](const int64_t* at) { return static_cast<size_t>(at - s.t); };
    Edges e;
    size_t after_start = index(std::upper_bound(s.t + lo, s.t + hi, start));
    if (after_start == hi) return e;
    e.first = after_start - (after_start > lo);
    e.last = hi - 1;
    if (smoothed) {
        if (s.t[e.first] > end) return e;
        e.last = std::min(e.last, index(std::lower_bound(s.t + after_start, s.t + hi, end)));
    }
    e.any = true;
    bool from_before = smoothed && s.t[e.first] < start;
    bool to_after = smoothed && e.last > lo && s.t[e.last] > end;
    e.left = from_before ? between(s, e.first, start, counter) : s.v[e.first];
    e.right = to_after ? between(s, e.last - 1, end, counter) : s.v[e.last];
    return e;
}

// Samples strictly inside the window: the edges stand for those at or beyond it.
std::pair<size_t, size_t> inner(const Samples& s, const Edges& e, int64_t start, int64_t end) {
    size_t first = e.first + (s.t[e.first] <= start);
    size_t last = e.last + 1 - (s.t[e.last] >= end);
    return {first, std::max(first, last)};
}

// Calls f(before, now) for all neighbours from the left edge over the inner samples to the right edge.
template <typename F>
void each_step(const Samples& s, const Edges& e, int64_t start, int64_t end, F&& f) {
    auto [first, last] = inner(s, e, start, end);
    double before = e.left;
    for (size_t i = first; i < last; ++i) {
        f(before, s.v[i]);
        before = s.v[i];
    }
    f(before, e.right);
}

double evaluate(const ExtendedCall& call, const Samples& s, const Edges& e, int64_t start, int64_t end) {
    double count = 0;
    switch (call.op) {
        case RangeOp::kChanges:
            each_step(s, e, start, end, [&](double before, double now) {
                count += before != now && !(before != before && now != now);
            });
            return count;
        case RangeOp::kResets:
            each_step(s, e, start, end, [&](double before, double now) { count += now < before; });
            return count;
        default:
            break;
    }
    double difference = e.right - e.left;
    if (call.op != RangeOp::kDelta) {
        each_step(s, e, start, end, [&](double before, double now) {
            if (now < before) difference += before;
        });
    }
    return call.op == RangeOp::kRate ? difference / (static_cast<double>(call.range) / 1000) : difference;
}

}  // namespace

void extended_row(const ExtendedCall& call, const Samples& s, double* out) {
    bool counter = call.op == RangeOp::kRate || call.op == RangeOp::kIncrease;
    int64_t ahead = call.smoothed ? call.lookback : 0;
    StepGrid reach{call.grid.start + ahead, call.grid.step, call.grid.count};
    each_window(s, reach, call.range + call.lookback + ahead, [&](size_t k, size_t lo, size_t hi) {
        if (call.budget) call.budget->check();
        int64_t end = call.grid.at(k), start = end - call.range;
        Edges e = find_edges(s, lo, hi, start, end, call.smoothed, counter);
        out[k] = e.any ? evaluate(call, s, e, start, end) : stale_nan();
    });
}

void extended_samples(const ExtendedCall& call, const Samples& s, SampleBuffer& out) {
    int64_t end = call.grid.start, start = end - call.range;
    Edges e = find_edges(s, 0, s.n, start, end, call.smoothed, false);
    if (!e.any) return;
    auto [first, last] = inner(s, e, start, end);
    out.push(start, e.left);
    for (size_t i = first; i < last; ++i) out.push(s.t[i], s.v[i]);
    out.push(end, e.right);
}

void smoothed_row(const LookbackCall& call, const Samples& s, double* out) {
    StepGrid reach{call.grid.start + call.lookback, call.grid.step, call.grid.count};
    each_window(s, reach, 2 * call.lookback, [&](size_t k, size_t lo, size_t hi) {
        int64_t t = call.grid.at(k);
        auto next = static_cast<size_t>(std::lower_bound(s.t + lo, s.t + hi, t) - s.t);
        if (next < hi && s.t[next] == t) {
            out[k] = s.v[next];
        } else if (next == lo) {
            out[k] = stale_nan();
        } else {
            out[k] = next < hi ? between(s, next - 1, t, false) : s.v[next - 1];
        }
    });
}

void extended_rows(const SampleSource& source, RowRange rows, const ExtendedCall& call,
                   const RowTarget& target, QueryBudget& budget, const HistogramTarget& histograms) {
    int64_t ahead = call.smoothed ? call.lookback : 0;
    StepGrid reach{call.grid.start + ahead, call.grid.step, call.grid.count};
    int64_t range = call.range + call.lookback + ahead;
    ExtendedCall stoppable = call;
    stoppable.budget = &budget;
    each_row(
        rows, call.grid.count, target, budget,
        [&](size_t row, SampleBuffer& buffer) { return source.read_values(row, reach, range, buffer); },
        [&](const Samples& s, double* cells) { extended_row(stoppable, s, cells); },
        MixedRows(source, reach, range, target, budget, histograms,
                  [&](MixedRow& row, double* cells) { mixed_extended_row(stoppable, row, cells); }));
}

void smoothed_rows(const SampleSource& source, RowRange rows, const LookbackCall& call,
                   const RowTarget& target, QueryBudget& budget, const HistogramTarget& histograms) {
    StepGrid reach{call.grid.start + call.lookback, call.grid.step, call.grid.count};
    each_row(
        rows, call.grid.count, target, budget,
        [&](size_t row, SampleBuffer& buffer) {
            return source.read_values(row, reach, 2 * call.lookback, buffer);
        },
        [&](const Samples& s, double* cells) { smoothed_row(call, s, cells); },
        MixedRows(source, reach, 2 * call.lookback, target, budget, histograms,
                  [&](MixedRow& row, double* cells) { mixed_smoothed_row(call, row, cells); }));
}

}  // namespace narthex
