// Native histogram chunks: encodings 2 (integer counts), 3 (float counts) and, with start times, 5 and 6.
// Format: docs/formats/chunk-histogram.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "chunk/bit_writer.h"
#include "chunk/encoding.h"
#include "chunk/histogram_columns.h"
#include "chunk/start_times.h"

namespace narthex {

inline constexpr size_t kHistogramHeader = 3;  // bytes before the bit stream

// Appends the samples with mint <= t <= maxt to `out`. Within a counter's chunk no counter goes back, so all
// but its first sample are kNotReset; the first is kUnknown whatever the header says, because nothing ensures
// that the chunk before is the one that was there when this one was begun. Throws DecodeError on an unknown
// schema, on spans or bounds that make no sense and when the stream ends early. Memory is bounded by the bits
// that are there.
void histogram_decode(std::span<const uint8_t> chunk, uint8_t encoding, int64_t mint, int64_t maxt,
                      HistogramColumns& out);

// What a chunk's header says about a reset between it and the chunk before, at the time it was begun. Throws
// DecodeError on a cut header.
ResetHint histogram_reset_header(std::span<const uint8_t> chunk, uint8_t encoding);

// One sample on its way into a chunk.
struct HistogramSample {
    int64_t t;
    int64_t start;  // 0: unknown; kept by encodings 5 and 6 only
    HistogramCell count;
    HistogramCell zero_count;
    double sum;
    std::span<const HistogramCell> buckets;  // absolute, as many as the appender's layout has
};

// Writes one chunk; the bytes so far are a complete chunk after every append. At most 65,535 samples (16,383
// with start times). A sample with a stale marker for its sum is written without counts and buckets, and only
// stale markers may follow it: readers know nothing of the counts behind it.
class HistogramAppender {
  public:
    // Kind and start times are the encoding's. A chunk that begins with a stale marker gets the empty layout.
    HistogramAppender(uint8_t encoding, ResetHint header, HistogramLayout layout);
    void append(const HistogramSample& sample);
    std::span<const uint8_t> bytes() const { return out_.bytes(); }
    std::vector<uint8_t> take() { return out_.take(); }
    unsigned samples() const { return samples_; }
    const HistogramLayout& layout() const { return layout_; }

  private:
    // A float and the window in which it differs from the one before, as put_xor_value wants it.
    struct Float {
        uint64_t v = 0;
        uint8_t leading = 0xff;
        uint8_t trailing = 0;
    };
    // A number and its last difference.
    struct Integer {
        uint64_t v = 0;
        uint64_t delta = 0;
    };
    void write_layout();
    void write_header();
    void put_integer(Integer& state, uint64_t value);
    void put_float(Float& state, double value);
    void put_counts(const HistogramSample& sample, bool stale);
    void put_buckets(std::span<const HistogramCell> buckets);

    uint8_t encoding_;
    ResetHint header_;
    HistogramLayout layout_;
    size_t positive_;
    BitWriter out_;
    StartTimeWriter starts_;
    unsigned samples_ = 0;
    int64_t t_ = 0;
    Integer time_;
    Integer count_, zero_count_;     // integer histograms
    std::vector<Integer> integers_;  // differences to the bucket before
    Float float_count_, float_zero_count_, sum_;
    std::vector<Float> floats_;
};

}  // namespace narthex
