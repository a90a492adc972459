#include "query/raw_samples.h"

namespace narthex {

namespace {

// Both in order of time.
Samples merged(const Samples& s, const HistogramSamples& h, HistogramPool& pool, SampleBuffer& out) {
    out.clear();
    size_t next = 0;
    for (size_t i = 0; i < h.size(); ++i) {
        for (; next < s.n && s.t[next] <= h.times[i]; ++next) out.push(s.t[next], s.v[next]);
        out.push(h.times[i], pool.add(h.values[i]));
    }
    for (; next < s.n; ++next) out.push(s.t[next], s.v[next]);
    return {out.times(), out.values(), out.size()};
}

}  // namespace

RawSamples raw_samples(const SampleSource& source, const ExtendedCall& call, QueryBudget& budget,
                       HistogramPool& pool) {
    SampleBuffer buffer, extended, both;
    HistogramSamples histograms;
    RawSamples out;
    int64_t ahead = call.smoothed ? call.lookback : 0;
    StepGrid seen{call.grid.start + ahead, 1, 1};
    for (size_t row = 0; row < source.rows(); ++row) {
        budget.check();
        Samples s = source.read_values(row, seen, call.range + call.lookback + ahead, buffer);
        if (source.holds_histograms(row)) {
            source.read_histograms(row, seen, call.range + call.lookback + ahead, histograms);
            histograms.drop_stale();
            if (call.lookback == 0) {
                s = merged(s, histograms, pool, both);
            } else if (histograms.size() > 0) {
                out.unextended = true;
            }
        }
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
