#include "query/histogram_windows.h"

#include "histogram/accumulate.h"
#include "query/transitions.h"

namespace narthex {

namespace {

// Functions that need numbers are done with; tells where histograms were left out.
void note_ignored(const RangeCall& call, MixedRow& row) {
    each_mixed_window(call, row, [&](size_t, WindowSlice numbers, WindowSlice histograms) {
        if (numbers.size() > 0 && histograms.size() > 0) row.notes |= kNoteIgnored;
    });
}

double later(const MixedRow& row, WindowSlice n, WindowSlice h, RangeOp op) {
    bool histogram =
        h.size() > 0 && (n.size() == 0 || row.histograms.times[h.hi - 1] >= row.numbers.t[n.hi - 1]);
    int64_t t = histogram ? row.histograms.times[h.hi - 1] : row.numbers.t[n.hi - 1];
    if (op == RangeOp::kTsOfLast) return static_cast<double>(t) / 1000;
    return histogram ? row.pool.add(row.histograms.values[h.hi - 1]) : row.numbers.v[n.hi - 1];
}

double earlier(const MixedRow& row, WindowSlice n, WindowSlice h, RangeOp op) {
    bool histogram = h.size() > 0 && (n.size() == 0 || row.histograms.times[h.lo] <= row.numbers.t[n.lo]);
    int64_t t = histogram ? row.histograms.times[h.lo] : row.numbers.t[n.lo];
    if (op == RangeOp::kTsOfFirst) return static_cast<double>(t) / 1000;
    return histogram ? row.pool.add(row.histograms.values[h.lo]) : row.numbers.v[n.lo];
}

template <typename Sum>
double sum_window(Sum& sum, WindowSlice slice, MixedRow& row) {
    const auto& values = row.histograms.values;
    sum.begin(values[slice.lo]);
    Combined told;
    for (size_t i = slice.lo + 1; i < slice.hi && !told.incompatible; ++i) told |= sum.add(values[i]);
    if (told.bounds_reconciled) row.notes |= kNoteReconciledAgg;
    if (told.reset_collision) row.notes |= kNoteCollisionAgg;
    if (told.incompatible) {
        row.notes |= kNoteMixedSchemas;
        return stale_nan();
    }
    return row.pool.add(sum.finish().view());
}

}  // namespace

void mixed_pick_row(const RangeCall& call, MixedRow& row, double* out) {
    each_mixed_window(call, row, [&](size_t k, WindowSlice n, WindowSlice h) {
        if (n.size() + h.size() == 0) {
            out[k] = stale_nan();
        } else if (call.op == RangeOp::kCount) {
            out[k] = static_cast<double>(n.size() + h.size());
        } else if (call.op == RangeOp::kPresent) {
            out[k] = 1;
        } else if (call.op == RangeOp::kLast || call.op == RangeOp::kTsOfLast) {
            out[k] = later(row, n, h, call.op);
        } else {
            out[k] = earlier(row, n, h, call.op);
        }
    });
}

void mixed_transitions_row(const RangeCall& call, MixedRow& row, double* out) {
    Transitions transitions(call.op, call.start_times, row.numbers, row.histograms);
    each_window(transitions.times(), call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        out[k] = lo == hi ? stale_nan() : transitions.among(lo, hi);
    });
}

void histogram_sum_row(const RangeCall& call, MixedRow& row, double* out) {
    range_function(call, row.numbers, out);
    HistogramSum sum;
    HistogramMean mean;
    each_mixed_window(call, row, [&](size_t k, WindowSlice n, WindowSlice h) {
        if (h.size() == 0) return;
        if (n.size() > 0) {
            row.notes |= kNoteMixedSamples;
            out[k] = stale_nan();
        } else {
            out[k] = call.op == RangeOp::kSum ? sum_window(sum, h, row) : sum_window(mean, h, row);
        }
    });
}

void mixed_range_function(const RangeCall& call, MixedRow& row, double* out) {
    switch (call.op) {
        case RangeOp::kRate:
        case RangeOp::kIncrease:
        case RangeOp::kDelta:
            return histogram_rate_row(call, row, out);
        case RangeOp::kIrate:
        case RangeOp::kIdelta:
            return histogram_instant_rate_row(call, row, out);
        case RangeOp::kChanges:
        case RangeOp::kResets:
            return mixed_transitions_row(call, row, out);
        case RangeOp::kSum:
        case RangeOp::kAvg:
            return histogram_sum_row(call, row, out);
        case RangeOp::kCount:
        case RangeOp::kLast:
        case RangeOp::kFirst:
        case RangeOp::kPresent:
        case RangeOp::kTsOfFirst:
        case RangeOp::kTsOfLast:
            return mixed_pick_row(call, row, out);
        default:
            range_function(call, row.numbers, out);
            return note_ignored(call, row);
    }
}

}  // namespace narthex
