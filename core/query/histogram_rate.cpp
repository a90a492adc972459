// rate, increase, delta, irate and idelta of native histograms.
#include <algorithm>

#include "histogram/combine.h"
#include "histogram/reset.h"
#include "query/extrapolate.h"
#include "query/histogram_windows.h"
#include "query/start_times.h"

namespace narthex {

namespace {

bool is_gauge(const FloatHistogramView& h) {
    return h.hint == ResetHint::kGauge;
}

// What is found out about a series once, for all of its windows.
class Counter {
  public:
    Counter(const HistogramSamples& h, bool start_times) : values_(h.values) {
        Samples times = h.as_times();
        for (size_t i = 1; i < h.size(); ++i) {
            const auto &a = values_[i - 1], &b = values_[i];
            bool anew = start_times && began_anew(started(times, i - 1), started(times, i));
            if (anew || counter_reset(a, b)) resets_.push_back(i);
            alike_ = alike_ && a.schema == b.schema && is_gauge(a) == is_gauge(b);
        }
    }
    // Calls f(i) for each i in [lo, hi) at which the counter began anew, being less than at i - 1.
    template <typename F>
    void each_reset(size_t lo, size_t hi, F&& f) const {
        auto from = std::lower_bound(resets_.begin(), resets_.end(), lo);
        for (; from != resets_.end() && *from < hi; ++from) f(*from);
    }
    bool reset_at(size_t i) const { return std::binary_search(resets_.begin(), resets_.end(), i); }
    // Whether all samples have one schema and none or all are gauges.
    bool alike() const { return alike_; }

  private:
    const std::vector<FloatHistogramView>& values_;
    std::vector<size_t> resets_;
    bool alike_ = true;
};

// The difference of a window's ends, with what resets took away.
class Difference {
  public:
    Difference(const RangeCall& call, MixedRow& row)
        : counter_(call.op != RangeOp::kDelta),
          row_(row),
          values_(row.histograms.values),
          resets_(row.histograms, call.start_times) {}

    // Of at least two samples. False when their buckets do not go together.
    bool of(WindowSlice w, FloatHistogram& out) {
        const FloatHistogramView &first = values_[w.lo], &last = values_[w.hi - 1];
        bool gauges = is_gauge(first) && is_gauge(last), any_gauge = is_gauge(first) || is_gauge(last);
        if (counter_ ? any_gauge : !gauges) row_.notes |= counter_ ? kNoteNotCounter : kNoteNotGauge;
        // When the counter began anew right after the first sample, that one does not matter.
        bool anew = counter_ && resets_.reset_at(w.lo + 1);
        const FloatHistogramView& base = anew ? values_[w.lo + 1] : first;
        int32_t schema = std::min(base.schema, last.schema);
        if (base.custom() != last.custom() || !check(w, base.custom(), schema)) {
            row_.notes |= kNoteMixedSchemas;
            return false;
        }
        out.assign(last);
        reduce_schema(out, schema);
        Combined c;
        if (anew) {
            FloatHistogram zero;
            zero.schema = base.schema;
            zero.bounds = *base.shared;
            c = subtract(out, zero.view());
        } else {
            c = subtract(out, first);
        }
        if (c.bounds_reconciled) row_.notes |= kNoteReconciledSub;
        if (counter_) repair({w.lo + 1 + anew, w.hi}, out);
        out.hint = ResetHint::kGauge;
        out.compact();
        return true;
    }

    // Adds the first sample to the difference of a window whose counter began, at 0, inside of it. False as
    // above.
    bool since_zero(WindowSlice w, FloatHistogram& out) {
        if (w.size() == 1) {
            out.assign(values_[w.lo]);
            return true;
        }
        Combined c = add(out, values_[w.lo]);
        if (c.incompatible) row_.notes |= kNoteMixedSchemas;
        if (c.bounds_reconciled) row_.notes |= kNoteReconciledAdd;
        return !c.incompatible;
    }

  private:
    // Looks at the samples between: `schema` becomes the coarsest.
    bool check(WindowSlice w, bool custom, int32_t& schema) {
        if (!counter_ || resets_.alike()) return true;
        for (size_t i = w.lo + 1; i + 1 < w.hi; ++i) {
            if (is_gauge(values_[i])) row_.notes |= kNoteNotCounter;
            if (values_[i].custom() != custom) return false;
            schema = std::min(schema, values_[i].schema);
        }
        return true;
    }
    void repair(WindowSlice w, FloatHistogram& out) {
        resets_.each_reset(w.lo, w.hi, [&](size_t i) {
            if (add(out, values_[i - 1]).bounds_reconciled) row_.notes |= kNoteReconciledAdd;
        });
    }

    bool counter_;
    MixedRow& row_;
    const std::vector<FloatHistogramView>& values_;
    Counter resets_;
};

// A sample of a series, number or histogram.
struct Last {
    int64_t t = 0;
    int64_t start = 0;
    double number = 0;
    const FloatHistogramView* histogram = nullptr;
};

// The newest sample of a window, which is taken out of it.
Last take_newest(const MixedRow& row, WindowSlice& n, WindowSlice& h) {
    bool histogram =
        h.size() > 0 && (n.size() == 0 || row.histograms.times[h.hi - 1] >= row.numbers.t[n.hi - 1]);
    if (histogram) {
        --h.hi;
        return {row.histograms.times[h.hi], row.histograms.starts[h.hi], 0, &row.histograms.values[h.hi]};
    }
    --n.hi;
    return {row.numbers.t[n.hi], 0, row.numbers.v[n.hi], nullptr};
}

double instant_difference(const RangeCall& call, const Last& before, const Last& now, MixedRow& row) {
    const bool rate = call.op == RangeOp::kIrate;
    if (!before.histogram || !now.histogram) {
        row.notes |= kNoteMixedSamples;
        return stale_nan();
    }
    const FloatHistogramView &a = *before.histogram, &b = *now.histogram;
    if (rate && (is_gauge(a) || is_gauge(b))) row.notes |= kNoteNotCounter;
    if (!rate && !(is_gauge(a) && is_gauge(b))) row.notes |= kNoteNotGauge;
    FloatHistogram h;
    h.assign(b);
    bool anew = call.start_times && began_anew({before.t, before.start}, {now.t, now.start});
    if (!rate || !(anew || counter_reset(a, b))) {
        Combined c = subtract(h, a);
        if (c.incompatible) {
            row.notes |= kNoteMixedSchemas;
            return stale_nan();
        }
        if (c.bounds_reconciled) row.notes |= kNoteReconciledSub;
    }
    h.hint = ResetHint::kGauge;
    h.compact();
    if (rate) h.divide(static_cast<double>(now.t - before.t) / 1000);
    return row.pool.add(std::move(h));
}

}  // namespace

void histogram_rate_row(const RangeCall& call, MixedRow& row, double* out) {
    range_function(call, row.numbers, out);
    const HistogramSamples& h = row.histograms;
    Difference difference(call, row);
    const double scale = call.op == RangeOp::kRate ? static_cast<double>(call.range) / 1000 : 1;
    FloatHistogram result;
    each_mixed_window(call, row, [&](size_t k, WindowSlice numbers, WindowSlice w) {
        if (w.size() == 0) return;
        out[k] = stale_nan();
        if (numbers.size() > 0) row.notes |= kNoteMixedSamples;
        SampledWindow window{call.grid.at(k), call.range, h.times[w.lo], h.times[w.hi - 1], w.size()};
        bool began = call.start_times && began_inside(started(h.as_times(), w.lo), window.end - window.range);
        if (numbers.size() > 0 || (w.size() < 2 && !began)) return;
        if (w.size() > 1 && !difference.of(w, result)) return;
        if (began) {
            if (!difference.since_zero(w, result)) return;
            result.multiply(share_since(window, h.starts[w.lo]) / scale);
            out[k] = row.pool.add(result.view());
            return;
        }
        Extrapolation edges(window);
        bool counter = call.op != RangeOp::kDelta;
        double share = counter ? edges.share(h.values[w.lo].count, result.count) : edges.share();
        result.multiply(share / scale);
        out[k] = row.pool.add(result.view());
    });
}

void histogram_instant_rate_row(const RangeCall& call, MixedRow& row, double* out) {
    range_function(call, row.numbers, out);
    each_mixed_window(call, row, [&](size_t k, WindowSlice n, WindowSlice h) {
        if (h.size() == 0) return;
        out[k] = n.size() + h.size() < 2 ? stale_nan() : out[k];
        if (n.size() + h.size() < 2) return;
        Last now = take_newest(row, n, h), before = take_newest(row, n, h);
        if (!now.histogram && !before.histogram) return;  // what the numbers give
        out[k] = now.t == before.t ? stale_nan() : instant_difference(call, before, now, row);
    });
}

}  // namespace narthex
