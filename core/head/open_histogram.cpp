#include "head/open_histogram.h"

#include <algorithm>
#include <limits>

#include "chunk/histogram_cut.h"
#include "chunk/histogram_follow.h"

namespace narthex {

OpenHistogram::OpenHistogram(uint8_t encoding, ResetHint header, const HistogramView& first)
    : encoding_(encoding), header_(header), chunk_(encoding, header, *first.layout) {}

bool OpenHistogram::takes(const HistogramView& h, ResetHint& begin) const {
    return h.stale() || may_follow(last(), h, header_ == ResetHint::kGauge, begin);
}

HistogramView OpenHistogram::last() const {
    bool floats = is_float_histogram(encoding_);
    if (is_stale(sum_)) return stale_histogram(floats);
    return {&chunk_.layout(), floats, hint_, count_, zero_count_, sum_, buckets_};
}

void OpenHistogram::append(int64_t t, int64_t start, const HistogramView& h) {
    sum_ = h.sum;
    if (h.stale()) {
        chunk_.append({t, start, {.i = 0}, {.i = 0}, h.sum, {}});
        return;
    }
    count_ = h.count;
    zero_count_ = h.zero_count;
    hint_ = h.hint;
    if (*h.layout == chunk_.layout()) {
        buckets_.assign(h.buckets.begin(), h.buckets.end());
    } else {
        HistogramLayout both = unite(chunk_.layout(), *h.layout);
        if (both != chunk_.layout()) widen(both);
        auto positions = bucket_positions(*h.layout, both);
        buckets_.assign(both.width(), HistogramCell{.i = 0});
        for (size_t i = 0; i < positions.size(); ++i) buckets_[positions[i]] = h.buckets[i];
    }
    chunk_.append({t, start, h.count, h.zero_count, h.sum, buckets_});
}

void OpenHistogram::widen(const HistogramLayout& layout) {
    HistogramColumns samples;
    histogram_decode(chunk_.bytes(), encoding_, std::numeric_limits<int64_t>::min(),
                     std::numeric_limits<int64_t>::max(), samples);
    chunk_ = append_part(samples, {0, samples.size(), encoding_, header_, layout});
}

}  // namespace narthex
