#include "chunk/histogram_cut.h"

#include <algorithm>

#include "chunk/histogram_follow.h"

namespace narthex {

namespace {

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
        uint8_t encoding = histogram_encoding(run.floats, samples_.start_times[k] != 0);
        ResetHint begin = gauge ? ResetHint::kGauge : ResetHint::kUnknown;
        bool follows = !parts_.empty() && parts_.back().last - parts_.back().first < max_samples_;
        // A stale marker has no start time of its own; chunks with start times take it too.
        if (stale && follows && encoding != parts_.back().encoding && samples_.start_times[k] == 0)
            encoding = histogram_encoding(run.floats, true);
        follows = follows && parts_.back().encoding == encoding;
        if (follows && !stale) {
            follows = may_follow(samples_.view(*last_, k - 1), samples_.view(run, k),
                                 parts_.back().header == ResetHint::kGauge, begin);
        }
        if (!follows) {
            if (samples_.hints[k] == ResetHint::kReset) begin = ResetHint::kReset;
            parts_.push_back({k, k, encoding, begin, stale ? HistogramLayout{} : layout(run)});
        } else if (!stale && run.layout != last_->layout) {
            parts_.back().layout = unite(parts_.back().layout, layout(run));
        }
        parts_.back().last = k + 1;
        last_ = &run;
    }

    const HistogramLayout& layout(const HistogramRun& run) const { return samples_.layouts[run.layout]; }

    const HistogramColumns& samples_;
    size_t max_samples_;
    std::vector<HistogramPart> parts_;
    const HistogramRun* last_ = nullptr;  // of the sample before
};

}  // namespace

std::vector<HistogramPart> cut_histograms(const HistogramColumns& samples, size_t max_samples) {
    return Cutter(samples, max_samples).run();
}

HistogramAppender append_part(const HistogramColumns& samples, const HistogramPart& part) {
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
    return appender;
}

std::vector<uint8_t> encode_part(const HistogramColumns& samples, const HistogramPart& part) {
    return append_part(samples, part).take();
}

}  // namespace narthex
