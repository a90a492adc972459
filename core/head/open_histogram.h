// An open chunk of native histograms: one sample more at a time, and its newest one at hand.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "chunk/histogram.h"
#include "chunk/histogram_columns.h"

namespace narthex {

class OpenHistogram {
  public:
    // A chunk without a sample; the first one to be appended will be `first`.
    OpenHistogram(uint8_t encoding, ResetHint header, const HistogramView& first);

    // Whether `h`, of the chunk's kind, may be the next sample. `begin` becomes kReset where a counter reset
    // is why not.
    bool takes(const HistogramView& h, ResetHint& begin) const;
    // Appends a sample that the chunk takes. Where it has buckets that the chunk lacks, the chunk is written
    // anew with the buckets of both.
    void append(int64_t t, int64_t start, const HistogramView& h);

    // The newest sample; valid until the next append.
    HistogramView last() const;
    // A complete chunk.
    std::span<const uint8_t> bytes() const { return chunk_.bytes(); }
    unsigned samples() const { return chunk_.samples(); }
    uint8_t encoding() const { return encoding_; }
    size_t width() const { return chunk_.layout().width(); }

    // Whether the time at which the next chunk begins was foreseen from this one's size.
    bool paced = false;

  private:
    void widen(const HistogramLayout& layout);

    uint8_t encoding_;
    ResetHint header_;
    HistogramAppender chunk_;
    HistogramCell count_{.i = 0}, zero_count_{.i = 0};
    double sum_ = 0;
    ResetHint hint_ = ResetHint::kUnknown;
    std::vector<HistogramCell> buckets_;  // of the newest sample that is no stale marker
};

}  // namespace narthex
