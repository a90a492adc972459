#include "query/select.h"

#include "chunk/stale.h"
#include "query/each_row.h"

namespace narthex {

void lookback_row(const LookbackCall& call, const Samples& s, double* out) {
    size_t next = 0;
    for (size_t k = 0; k < call.grid.count; ++k) {
        int64_t t = call.grid.at(k);
        while (next < s.n && s.t[next] <= t) ++next;
        if (next == 0 || s.t[next - 1] <= t - call.lookback || is_stale(s.v[next - 1])) {
            out[k] = stale_nan();
        } else {
            out[k] = call.times ? static_cast<double>(s.t[next - 1]) / 1000 : s.v[next - 1];
        }
    }
}

void select_rows(const SampleSource& source, RowRange rows, const LookbackCall& call, const RowTarget& target,
                 QueryBudget& budget) {
    each_row(
        rows, call.grid.count, target, budget,
        [&](size_t row, SampleBuffer& buffer) { return source.read(row, call.grid, call.lookback, buffer); },
        [&](const Samples& s, double* cells) { lookback_row(call, s, cells); });
}

void range_rows(const SampleSource& source, RowRange rows, const RangeCall& call, const RowTarget& target,
                QueryBudget& budget) {
    RangeCall stoppable = call;
    stoppable.budget = &budget;
    each_row(
        rows, call.grid.count, target, budget,
        [&](size_t row, SampleBuffer& buffer) {
            return source.read_values(row, call.grid, call.range, buffer);
        },
        [&](const Samples& s, double* cells) { range_function(stoppable, s, cells); });
}

}  // namespace narthex
