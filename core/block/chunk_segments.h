// Reading the chunk segment files of a block in place. Format: docs/formats/chunks.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "block/index_reader.h"
#include "chunk/series_batch.h"

namespace narthex {

// The segments in file-name order. The bytes must outlive every view. Safe for concurrent use.
class ChunkSegments {
  public:
    // Throws DecodeError on a bad segment header.
    explicit ChunkSegments(std::vector<std::span<const uint8_t>> segments);

    // The chunk a meta refers to; checksum verified. Any encoding. Throws DecodeError.
    ChunkView view(const ChunkMeta& meta) const;

  private:
    std::vector<std::span<const uint8_t>> segments_;
};

inline constexpr uint32_t kChunksMagic = 0x85bd40dd;
inline constexpr uint8_t kChunksVersion = 1;
inline constexpr size_t kSegmentHeaderSize = 8;

}  // namespace narthex
