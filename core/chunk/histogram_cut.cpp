#include "chunk/histogram_cut.h"

#include <algorithm>

#include "chunk/histogram.h"

namespace narthex {

namespace {

uint8_t encoding_for(bool floats, bool start_time) {
    if (start_time) return floats ? kEncodingFloatHistogramST : kEncodingHistogramST;
    return floats ? kEncodingFloatHistogram : kEncodingHistogram;
}

bool less(HistogramCell a, HistogramCell b, bool floats) {
    return floats ? a.f < b.f : static_cast<uint64_t>(a.i) < static_cast<uint64_t>(b.i);
}

bool is_empty(HistogramCell c, bool floats) {
    return floats ? c.f == 0 : c.i == 0;
}

// Whether a bucket went down or vanished from `a` to `b`, which have the same schema.
bool bucket_reset(std::span<const BucketSpan> a_spans, std::span<const HistogramCell> a,
                  std::span<const BucketSpan> b_spans, std::span<const HistogramCell> b, bool floats) {
    auto ia = bucket_indices(a_spans), ib = bucket_indices(b_spans);
    size_t j = 0;
    for (size_t i = 0; i < ia.size(); ++i) {
        while (j < ib.size() && ib[j] < ia[i]) ++j;
        bool there = j < ib.size() && ib[j] == ia[i];
        if (there ? less(b[j], a[i], floats) : !is_empty(a[i], floats)) return true;
    }
    return false;
}

class Cutter {
  public:
    Cutter(const HistogramColumns& samples, size_t max_samples)
        : samples_(samples), max_samples_(max_samples) {}

    std::vector<HistogramPart> run() {
        for (const HistogramRun& run : samples_.runs) {
            for (size_t k = run.first; k < run.last; ++k) take(run, k);
        }
        return std::move(parts_);
    }

  private:
    void take(const HistogramRun& run, size_t k) {
        bool stale = samples_.is_stale_at(k);
        bool gauge = samples_.hints[k] == ResetHint::kGauge;
        uint8_t encoding = encoding_for(run.floats, samples_.start_times[k] != 0);
        ResetHint begin = gauge ? ResetHint::kGauge : ResetHint::kUnknown;
        bool follows = !parts_.empty() && parts_.back().last - parts_.back().first < max_samples_;
        // A stale marker has no start time of its own; chunks with start times take it too.
        if (stale && follows && encoding != parts_.back().encoding && samples_.start_times[k] == 0)
            encoding = encoding_for(run.floats, true);
        follows = follows && parts_.back().encoding == encoding;
        if (follows && !stale) follows = can_follow(run, k, gauge, begin);
        if (!follows) {
            if (samples_.hints[k] == ResetHint::kReset) begin = ResetHint::kReset;
            parts_.push_back({k, k, encoding, begin, stale ? HistogramLayout{} : layout(run)});
        } else if (!stale && run.layout != last_->layout) {
            parts_.back().layout = unite(parts_.back().layout, layout(run));
        }
        parts_.back().last = k + 1;
        last_ = &run;
        last_stale_ = stale;
    }

    const HistogramLayout& layout(const HistogramRun& run) const { return samples_.layouts[run.layout]; }

    // Whether sample k may follow the one before it in a chunk; `begin` becomes kReset when it may not
    // because of one.
    bool can_follow(const HistogramRun& run, size_t k, bool gauge, ResetHint& begin) const {
        if (last_stale_) return false;
        if (gauge != (parts_.back().header == ResetHint::kGauge)) return false;
        if (samples_.hints[k] == ResetHint::kReset) return false;
        const HistogramLayout &a = layout(*last_), &b = layout(run);
        bool same_grid =
            run.layout == last_->layout ||
            (a.schema == b.schema && a.zero_threshold == b.zero_threshold && a.bounds == b.bounds);
        if (gauge) return same_grid;
        if (!is_reset(run, k, same_grid)) return same_grid;
        begin = ResetHint::kReset;
        return false;
    }

    bool is_reset(const HistogramRun& run, size_t k, bool same_grid) const {
        bool floats = run.floats;
        if (less(samples_.counts[k], samples_.counts[k - 1], floats)) return true;
        const HistogramLayout &a = layout(*last_), &b = layout(run);
        if (!same_grid) return a.schema == b.schema && a.zero_threshold == b.zero_threshold;  // other bounds
        if (less(samples_.zero_counts[k], samples_.zero_counts[k - 1], floats)) return true;
        auto before = samples_.buckets(*last_, k - 1), now = samples_.buckets(run, k);
        if (run.layout == last_->layout) {
            for (size_t i = 0; i < now.size(); ++i) {
                if (less(now[i], before[i], floats)) return true;
            }
            return false;
        }
        size_t pa = a.positive_buckets(), pb = b.positive_buckets();
        return bucket_reset(a.positive, before.first(pa), b.positive, now.first(pb), floats) ||
               bucket_reset(a.negative, before.subspan(pa), b.negative, now.subspan(pb), floats);
    }

    const HistogramColumns& samples_;
    size_t max_samples_;
    std::vector<HistogramPart> parts_;
    const HistogramRun* last_ = nullptr;  // of the sample before
    bool last_stale_ = false;
};

}  // namespace

std::vector<HistogramPart> cut_histograms(const HistogramColumns& samples, size_t max_samples) {
    return Cutter(samples, max_samples).run();
}

std::vector<uint8_t> encode_part(const HistogramColumns& samples, const HistogramPart& part) {
    HistogramAppender appender(part.encoding, part.header, part.layout);
    std::vector<HistogramCell> wide(part.layout.width());
    const HistogramRun* run = nullptr;
    std::vector<uint32_t> positions;  // of the run's buckets in the part's layout
    bool same = true;
    for (size_t k = part.first; k < part.last; ++k) {
        if (run == nullptr || k >= run->last) {
            run = &samples.run_of(k);
            const HistogramLayout& layout = samples.layouts[run->layout];
            same = layout == part.layout;
            if (!same && !samples.is_stale_at(k)) positions = bucket_positions(layout, part.layout);
        }
        auto buckets = samples.buckets(*run, k);
        if (!same && !samples.is_stale_at(k)) {
            std::fill(wide.begin(), wide.end(), HistogramCell{});
            for (size_t i = 0; i < buckets.size(); ++i) wide[positions[i]] = buckets[i];
            buckets = wide;
        }
        appender.append({samples.times[k], samples.start_times[k], samples.counts[k], samples.zero_counts[k],
                         samples.sums[k], buckets});
    }
    return appender.take();
}

}  // namespace narthex
