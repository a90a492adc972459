// What a selection gives: label sets and, for each, the chunks that hold its samples, not yet decoded.
// Storage (head, blocks, remote) makes it; the kernels of query/ read it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bytes/damage.h"
#include "chunk/encoding.h"
#include "chunk/histogram_columns.h"
#include "chunk/sample_buffer.h"
#include "labels/label_sets.h"

namespace narthex {

// Bounds are inclusive, milliseconds. The bytes are owned by the batch's `owners`.
struct ChunkView {
    int64_t mint;
    int64_t maxt;
    const uint8_t* data;
    uint32_t size;     // bytes; for kEncodingColumns 16 * count
    uint8_t encoding;  // chunk/encoding.h

    // Whether samples may have start times.
    bool has_start_times() const {
        if (encoding == kEncodingXor2) return size > 2 && data[2] != 0;
        return is_histogram_with_start_times(encoding);
    }
};

// Rows are series in label order (compare_rows), unique. A row's chunks are sorted by mint; they may overlap
// (head against block, out-of-order chunks, vertical blocks), then equal timestamps count once, see
// chunk/chain.h.
struct SeriesBatch {
    LabelSets labels;
    std::vector<ChunkView> chunks;
    std::vector<uint64_t> offsets{0};  // row i owns chunks[offsets[i], offsets[i + 1])
    std::vector<std::shared_ptr<const void>> owners;
    Damage damage;  // what should be in the batch and cannot be

    size_t rows() const { return labels.rows(); }
    std::span<const ChunkView> row(size_t i) const {
        return {chunks.data() + offsets[i], chunks.data() + offsets[i + 1]};
    }
};

// Appends a float chunk's samples with mint <= t <= maxt. Throws DecodeError on a broken chunk and on
// encodings of other things than floats. `starts`, unless null, gets a start time for each sample, 0 where it
// is not known.
void decode_chunk(const ChunkView& chunk, int64_t mint, int64_t maxt, SampleBuffer& out,
                  std::vector<int64_t>* starts = nullptr);

// Decodes row i's float samples with mint <= t <= maxt into ts/vs (cleared first), strictly ascending in t.
// Stale markers are kept; histogram chunks are passed over. Throws DecodeError on a broken chunk.
void decode_row(const SeriesBatch& batch, size_t i, int64_t mint, int64_t maxt, std::vector<int64_t>& ts,
                std::vector<double>& vs);
void decode_row(const SeriesBatch& batch, size_t i, int64_t mint, int64_t maxt, SampleBuffer& out,
                std::vector<int64_t>* starts = nullptr);

// Windows (start + k * step - range, start + k * step] for k < count, ascending, where step > 0.
struct WindowSet {
    int64_t start;
    int64_t step;
    size_t count;
    int64_t range;

    // Whether any window holds a time in [mint, maxt].
    bool touches(int64_t mint, int64_t maxt) const;
};

// As above, but chunks that touch no window are skipped: their samples are missing from `out`.
void decode_row(const SeriesBatch& batch, size_t i, const WindowSet& windows, SampleBuffer& out);

// Decodes row i's histogram samples with mint <= t <= maxt into `out` (cleared first), ascending in t; float
// chunks are passed over. A time that occurs in a float chunk and in a histogram chunk is given by both
// calls.
void decode_histograms(const SeriesBatch& batch, size_t i, int64_t mint, int64_t maxt, HistogramColumns& out);

// One batch out of several (head and blocks): rows with equal labels become one row. Inputs may use different
// symbol tables; the result uses a new one.
SeriesBatch merge_batches(std::span<const SeriesBatch* const> batches);

}  // namespace narthex
