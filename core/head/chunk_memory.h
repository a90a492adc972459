// Where the bytes of the head's chunks live: open ones in small buffers by size class, closed ones packed in
// shared pages that a query may keep.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "head/series.h"

namespace narthex {

// Buffers for open chunks, in classes that grow by about a third. No header a buffer, freed ones are reused.
class OpenBuffers {
  public:
    static size_t capacity(uint8_t buffer_class) { return kSizes[buffer_class]; }
    uint8_t* allocate(uint8_t buffer_class);
    void release(uint8_t* buffer, uint8_t buffer_class);
    // Moves `used` bytes into a buffer that holds at least `needed`; updates both arguments.
    void grow(uint8_t*& buffer, uint8_t& buffer_class, size_t used, size_t needed);

  private:
    static constexpr uint16_t kSizes[] = {32,  48,  64,  80,  96,  112, 136, 168,
                                          216, 280, 360, 472, 616, 808, 1056};
    static constexpr size_t kClasses = sizeof(kSizes) / sizeof(kSizes[0]);
    static constexpr size_t kBlock = 1 << 18;

    std::vector<std::unique_ptr<uint8_t[]>> blocks_;
    size_t used_ = kBlock;
    uint8_t* free_[kClasses] = {};
};

// Closed chunks, packed in the order in which they close, so that pages grow old as a whole.
class ChunkPages {
  public:
    // Copies the bytes; the newest chunk of its series points at the one before.
    ClosedChunk* add(ClosedChunk* older, int64_t mint, int64_t maxt, std::span<const uint8_t> bytes);
    // Forgets a chunk and all older ones; gives how many. A page goes when its last chunk is forgotten and no
    // query holds it.
    size_t drop(ClosedChunk* chunk);
    std::shared_ptr<const void> owner(uint32_t page) const { return pages_[page].bytes; }
    size_t page_count() const { return pages_.size(); }
    size_t bytes() const { return bytes_; }

  private:
    static constexpr size_t kPage = 1 << 18;
    struct Page {
        std::shared_ptr<uint8_t[]> bytes;
        uint32_t live = 0;
    };
    void release(uint32_t page);

    std::vector<Page> pages_;
    std::vector<uint32_t> free_;
    uint32_t current_ = RefMap::kNone;
    size_t used_ = 0;
    size_t bytes_ = 0;
};

}  // namespace narthex
