// Decoding chunks of a series and writing what is wanted of them as new chunks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "block/tombstones.h"
#include "chunk/series_batch.h"

namespace narthex {

// Samples of a re-encoded chunk.
inline constexpr size_t kSamplesPerChunk = 120;

struct EncodedChunk {
    int64_t mint;
    int64_t maxt;
    uint8_t encoding;
    std::vector<uint8_t> bytes;

    ChunkView view() const {
        return {mint, maxt, bytes.data(), static_cast<uint32_t>(bytes.size()), encoding};
    }
};

// The samples of `chunks` with mint <= t <= maxt that are not in `deleted` (may be nullptr), in chunks of at
// most kSamplesPerChunk. Of equal times one counts, see chunk/chain.h. Start times stay: floats become XOR2
// chunks when a source is one or `float_encoding` says so, else XOR chunks; histograms are cut as
// cut_histograms says. Throws DecodeError.
std::vector<EncodedChunk> reencode(std::span<const ChunkView> chunks, int64_t mint, int64_t maxt,
                                   const Intervals* deleted, uint8_t float_encoding = kEncodingXor);

}  // namespace narthex
