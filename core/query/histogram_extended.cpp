#include "query/histogram_extended.h"

#include <algorithm>
#include <optional>

#include "histogram/combine.h"
#include "histogram/reset.h"
#include "query/transitions.h"

namespace narthex {

namespace {

bool is_gauge(ResetHint hint) {
    return hint == ResetHint::kGauge;
}

// Arithmetic that tells what happens; false when buckets do not go together.
class Arithmetic {
  public:
    explicit Arithmetic(MixedRow& row) : row_(row) {}
    bool plus(FloatHistogram& to, const FloatHistogramView& other) {
        return told(add(to, other), kNoteReconciledAdd);
    }
    bool minus(FloatHistogram& from, const FloatHistogramView& other) {
        return told(subtract(from, other), kNoteReconciledSub);
    }
    // The line through samples i and i + 1 at time t; a counter that began anew between them counts from 0.
    bool between(size_t i, int64_t t, bool counter, FloatHistogram& out) {
        const HistogramSamples& h = row_.histograms;
        double share = static_cast<double>(t - h.times[i]) / static_cast<double>(h.times[i + 1] - h.times[i]);
        out.assign(h.values[i + 1]);
        if (counter && counter_reset(h.values[i], h.values[i + 1])) {
            out.multiply(share);
            return true;
        }
        if (!minus(out, h.values[i])) return false;
        out.multiply(share);
        return plus(out, h.values[i]);
    }

  private:
    bool told(Combined c, Note reconciled) {
        if (c.bounds_reconciled) row_.notes |= reconciled;
        if (c.incompatible) row_.notes |= kNoteMixedSchemas;
        return !c.incompatible;
    }
    MixedRow& row_;
};

// The difference over one window (start, end] whose edges may lie between samples.
class ExtendedDifference {
  public:
    ExtendedDifference(const ExtendedCall& call, MixedRow& row)
        : call_(call),
          row_(row),
          h_(row.histograms),
          arithmetic_(row),
          counter_(call.op != RangeOp::kDelta) {}

    // Samples [w.lo, w.hi), at least one, are those within reach. False when there is no value.
    bool of(WindowSlice w, int64_t start, int64_t end, FloatHistogram& out) {
        auto from = h_.times.begin() + static_cast<ptrdiff_t>(w.lo);
        auto to = h_.times.begin() + static_cast<ptrdiff_t>(w.hi) - 1;
        auto index = [&](auto at) { return static_cast<size_t>(at - h_.times.begin()); };
        size_t after = index(std::upper_bound(from, to, start));
        size_t first = after > w.lo ? after - 1 : w.lo;
        size_t last = call_.smoothed ? index(std::lower_bound(from, to, end)) : w.hi - 1;
        if (h_.times[last] <= start || (call_.smoothed && h_.times[first] > end)) return false;
        if (!check(first, last)) return false;
        FloatHistogram left, right;
        bool from_before = call_.smoothed && h_.times[first] < start;
        bool to_after = call_.smoothed && last > w.lo && h_.times[last] > end;
        if (!edge(from_before, first, first, start, left)) return false;
        if (!edge(to_after, last - to_after, last, end, right)) return false;
        if (!counter_ && !(is_gauge(left.hint) && is_gauge(right.hint))) row_.notes |= kNoteNotGauge;
        out.assign(right.view());
        if (!arithmetic_.minus(out, left.view())) return false;
        if (counter_ && !repair(first, last, left, right, from_before, out)) return false;
        if (call_.op == RangeOp::kRate) out.divide(static_cast<double>(call_.range) / 1000);
        out.hint = ResetHint::kGauge;
        out.compact();
        return true;
    }

  private:
    bool check(size_t first, size_t last) {
        for (size_t i = first; i <= last; ++i) {
            if (h_.values[i].custom() != h_.values[first].custom()) {
                row_.notes |= kNoteMixedSchemas;
                return false;
            }
            if (counter_ && is_gauge(h_.values[i].hint)) row_.notes |= kNoteNotCounter;
        }
        return true;
    }
    bool edge(bool interpolated, size_t before, size_t at, int64_t t, FloatHistogram& out) {
        if (interpolated) return arithmetic_.between(before, t, counter_, out);
        out.assign(h_.values[at]);
        return true;
    }
    // Adds what resets between the edges took away. A reset that an edge lies in is in its value already.
    bool repair(size_t first, size_t last, const FloatHistogram& left, const FloatHistogram& right,
                bool from_before, FloatHistogram& out) {
        size_t next = first + 1;
        FloatHistogramView before = left.view();
        if (from_before && counter_reset(h_.values[first], h_.values[next])) before = h_.values[next++];
        if (next > last) return true;
        std::optional<FloatHistogram> lost;
        auto compare = [&](const FloatHistogramView& now) {
            if (!counter_reset(before, now)) return true;
            if (lost) return arithmetic_.plus(*lost, before);
            lost.emplace().assign(before);
            return true;
        };
        for (; next < last; ++next) {
            if (!compare(h_.values[next])) return false;
            before = h_.values[next];
        }
        return compare(right.view()) && (!lost || arithmetic_.plus(out, lost->view()));
    }

    const ExtendedCall& call_;
    MixedRow& row_;
    const HistogramSamples& h_;
    Arithmetic arithmetic_;
    bool counter_;
};

void extended_transitions_row(const ExtendedCall& call, const MixedRow& row, double* out) {
    Transitions transitions(call.op, false, row.numbers, row.histograms);
    Samples times = transitions.times();
    each_window(times, call.grid, call.range + call.lookback, [&](size_t k, size_t lo, size_t hi) {
        int64_t start = call.grid.at(k) - call.range;
        auto after = static_cast<size_t>(std::upper_bound(times.t + lo, times.t + hi, start) - times.t);
        out[k] = after == hi ? stale_nan() : transitions.among(after > lo ? after - 1 : lo, hi);
    });
}

// The windows within reach of steps, as a call of a plain range function.
RangeCall within_reach(const ExtendedCall& call) {
    int64_t ahead = call.smoothed ? call.lookback : 0;
    StepGrid reach{call.grid.start + ahead, call.grid.step, call.grid.count};
    RangeCall out{call.op, reach, call.range + call.lookback + ahead};
    out.budget = call.budget;
    return out;
}

double smoothed_cell(WindowSlice w, int64_t t, MixedRow& row) {
    const HistogramSamples& h = row.histograms;
    auto first = h.times.begin() + static_cast<ptrdiff_t>(w.lo);
    auto last = h.times.begin() + static_cast<ptrdiff_t>(w.hi);
    auto next = static_cast<size_t>(std::lower_bound(first, last, t) - h.times.begin());
    if (next < w.hi && h.times[next] == t) return row.pool.add(h.values[next]);
    if (next == w.lo) return stale_nan();
    FloatHistogram value;
    if (next == w.hi) {
        value.assign(h.values[next - 1]);
        value.hint = ResetHint::kUnknown;  // it told of a sample and the one before
        return row.pool.add(std::move(value));
    }
    bool counter = !is_gauge(h.values[next - 1].hint) || !is_gauge(h.values[next].hint);
    if (h.values[next - 1].custom() != h.values[next].custom()) {
        row.notes |= kNoteMixedSchemas;
        return stale_nan();
    }
    if (!Arithmetic(row).between(next - 1, t, counter, value)) return stale_nan();
    return row.pool.add(std::move(value));
}

}  // namespace

void mixed_extended_row(const ExtendedCall& call, MixedRow& row, double* out) {
    if (call.op == RangeOp::kChanges || call.op == RangeOp::kResets)
        return extended_transitions_row(call, row, out);
    extended_row(call, row.numbers, out);
    ExtendedDifference difference(call, row);
    FloatHistogram value;
    each_mixed_window(within_reach(call), row, [&](size_t k, WindowSlice numbers, WindowSlice w) {
        if (w.size() == 0) return;
        out[k] = stale_nan();
        int64_t end = call.grid.at(k);
        if (numbers.size() > 0) {
            row.notes |= kNoteMixedSamples;
        } else if (difference.of(w, end - call.range, end, value)) {
            out[k] = row.pool.add(value.view());
        }
    });
}

void mixed_smoothed_row(const LookbackCall& call, MixedRow& row, double* out) {
    smoothed_row(call, row.numbers, out);
    ExtendedCall reach{RangeOp::kDelta, call.grid, 0, call.lookback, true};
    each_mixed_window(within_reach(reach), row, [&](size_t k, WindowSlice numbers, WindowSlice w) {
        if (w.size() == 0) return;
        if (numbers.size() > 0) row.notes |= kNoteMixedSamples;
        out[k] = numbers.size() > 0 ? stale_nan() : smoothed_cell(w, call.grid.at(k), row);
    });
}

}  // namespace narthex
