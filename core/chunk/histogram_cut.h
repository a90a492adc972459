// Cutting a run of histogram samples into chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "chunk/histogram.h"
#include "chunk/histogram_columns.h"

namespace narthex {

// Samples [first, last) of some columns that can share a chunk: one kind, one flavour (counter or gauge), one
// schema, zero threshold and set of bounds, all with a start time or none, and for counters no reset between
// them. `layout` has the buckets of all of them.
struct HistogramPart {
    size_t first, last;
    uint8_t encoding;
    ResetHint header;  // kReset where a reset is why the part begins
    HistogramLayout layout;
};

// Cuts the columns' samples into parts of at most `max_samples`, as Prometheus does: a counter is reset when
// its count, zero count or a bucket goes down or vanishes, or a hint says so; only stale markers follow a
// stale marker.
std::vector<HistogramPart> cut_histograms(const HistogramColumns& samples, size_t max_samples);

// A part's chunk, to go on with.
HistogramAppender append_part(const HistogramColumns& samples, const HistogramPart& part);
// The bytes of a part's chunk.
std::vector<uint8_t> encode_part(const HistogramColumns& samples, const HistogramPart& part);

}  // namespace narthex
