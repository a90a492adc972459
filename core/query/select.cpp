#include "query/select.h"

#include "chunk/stale.h"
#include "query/each_mixed_row.h"
#include "query/notes.h"

namespace narthex {

namespace {

double given(Given what, const Samples& s, size_t i) {
    switch (what) {
        case Given::kTime:
            return static_cast<double>(s.t[i]) / 1000;
        case Given::kStartTime:
            return s.starts ? static_cast<double>(s.starts[i]) / 1000 : 0;
        default:
            return number_cell(s.v[i]);
    }
}

}  // namespace

void lookback_row(const LookbackCall& call, const Samples& s, double* out) {
    size_t next = 0;
    for (size_t k = 0; k < call.grid.count; ++k) {
        int64_t t = call.grid.at(k);
        while (next < s.n && s.t[next] <= t) ++next;
        if (next == 0 || s.t[next - 1] <= t - call.lookback || is_stale(s.v[next - 1])) {
            out[k] = stale_nan();
        } else {
            out[k] = given(call.given, s, next - 1);
        }
    }
}

void mixed_lookback_row(const LookbackCall& call, const Samples& s, const HistogramSamples& h,
                        HistogramPool& pool, double* out) {
    lookback_row(call, s, out);
    size_t next = 0, number = 0;
    size_t pooled = h.size();  // the sample that `cell` stands for
    double cell = 0;
    for (size_t k = 0; k < call.grid.count; ++k) {
        int64_t t = call.grid.at(k);
        while (next < h.size() && h.times[next] <= t) ++next;
        while (number < s.n && s.t[number] <= t) ++number;
        if (next == 0 || h.times[next - 1] <= t - call.lookback) continue;
        if (number > 0 && s.t[number - 1] > h.times[next - 1]) continue;
        if (h.stale(next - 1)) {
            out[k] = stale_nan();
        } else if (call.given != Given::kValue) {
            bool start = call.given == Given::kStartTime;
            out[k] = static_cast<double>(start ? h.starts[next - 1] : h.times[next - 1]) / 1000;
        } else {
            if (pooled != next - 1) cell = pool.add(h.values[next - 1]);
            pooled = next - 1;
            out[k] = cell;
        }
    }
}

void select_rows(const SampleSource& source, RowRange rows, const LookbackCall& call, const RowTarget& target,
                 QueryBudget& budget, HistogramPool* pool) {
    thread_local HistogramSamples histograms;
    each_row(
        rows, call.grid.count, target, budget,
        [&](size_t row, SampleBuffer& buffer) {
            if (call.given == Given::kStartTime)
                return source.read_with_starts(row, call.grid, call.lookback, buffer);
            return source.read(row, call.grid, call.lookback, buffer);
        },
        [&](const Samples& s, double* cells) { lookback_row(call, s, cells); },
        [&](size_t row, const Samples& s, double* cells) {
            if (!pool || target.reducer || !source.holds_histograms(row)) return false;
            source.read_histograms(row, call.grid, call.lookback, histograms);
            HeldSamples held(budget, s.n + histograms.samples());
            mixed_lookback_row(call, s, histograms, *pool, cells);
            return true;
        });
}

void range_rows(const SampleSource& source, RowRange rows, const RangeCall& call, const RowTarget& target,
                QueryBudget& budget, const HistogramTarget& histograms) {
    RangeCall stoppable = call;
    stoppable.budget = &budget;
    size_t current = 0;
    each_row(
        rows, call.grid.count, target, budget,
        [&](size_t row, SampleBuffer& buffer) {
            current = row;
            if (call.start_times) return source.read_values_with_starts(row, call.grid, call.range, buffer);
            return source.read_values(row, call.grid, call.range, buffer);
        },
        [&](const Samples& s, double* cells) {
            range_function(stoppable, s, cells);
            if (histograms.notes && start_times_overlap(call, s))
                histograms.notes[current] |= kNoteStartOverlap;
        },
        MixedRows(source, call.grid, call.range, target, budget, histograms,
                  [&](MixedRow& row, double* cells) {
                      mixed_range_function(stoppable, row, cells);
                      if (start_times_overlap(call, row.numbers) ||
                          start_times_overlap(call, row.histograms.as_times()))
                          row.notes |= kNoteStartOverlap;
                  }));
}

}  // namespace narthex
