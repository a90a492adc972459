#include "query/raw_samples.h"

namespace narthex {

RawSamples raw_samples(const SampleSource& source, const ExtendedCall& call, QueryBudget& budget) {
    SampleBuffer buffer, extended;
    RawSamples out;
    int64_t ahead = call.smoothed ? call.lookback : 0;
    StepGrid seen{call.grid.start + ahead, 1, 1};
    for (size_t row = 0; row < source.rows(); ++row) {
        budget.check();
        Samples s = source.read_values(row, seen, call.range + call.lookback + ahead, buffer);
        if (call.lookback > 0) {
            extended.clear();
            extended_samples(call, s, extended);
            s = {extended.times(), extended.values(), extended.size()};
        }
        if (s.n == 0) continue;
        budget.count_read(static_cast<int64_t>(s.n));
        budget.hold(static_cast<int64_t>(s.n));
        out.rows.push_back(static_cast<int64_t>(row));
        out.t.insert(out.t.end(), s.t, s.t + s.n);
        out.v.insert(out.v.end(), s.v, s.v + s.n);
        out.offsets.push_back(out.t.size());
    }
    return out;
}

}  // namespace narthex
