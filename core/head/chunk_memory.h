// Where the bytes of the head's chunks live: open ones in small buffers by size class, closed ones packed in
// shared pages that a query may keep.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "head/series.h"

namespace narthex {

// Bytes of open chunks, in chains of small blocks of one size: nothing moves when a chunk grows, an append
// touches the last block only, and what one series frees any other can use. The first two bytes of a chunk,
// its sample count, are kept in Series and filled in by copy().
class OpenChunks {
  public:
    // A chunk of two bytes (the count) and no sample.
    void open(Series& s);
    // Replaces everything from byte `from` on, which lies in the last block or just behind it.
    void write(Series& s, size_t from, const uint8_t* data, size_t n);
    uint8_t last_byte(const Series& s) const { return at(s.last_block)->bytes[(s.size - 1u) % kPayload]; }
    // The complete chunk, s.size bytes.
    void copy(const Series& s, uint8_t* out) const;
    // Frees the chunk; the series has none then.
    void release(Series& s);
    void prefetch(const Series& s) const { __builtin_prefetch(at(s.last_block), 1); }

  private:
    static constexpr size_t kPayload = 28;
    static constexpr size_t kPage = 1 << 13;
    struct Block {
        uint32_t next;
        uint8_t bytes[kPayload];
    };
    static_assert(sizeof(Block) == 32);

    Block* at(uint32_t id) const { return &pages_[id / kPage][id % kPage]; }
    uint32_t allocate();

    std::vector<std::unique_ptr<Block[]>> pages_;
    uint32_t used_ = 0;
    uint32_t free_ = RefMap::kNone;
};

// Closed chunks, packed in the order in which they close, so that pages grow old as a whole.
class ChunkPages {
  public:
    // Copies the bytes; the newest chunk of its series points at the one before.
    ClosedChunk* add(ClosedChunk* older, int64_t mint, int64_t maxt, uint8_t encoding,
                     std::span<const uint8_t> bytes);
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
