// Where the bytes of the head's open chunks live.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
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
    // Replaces everything from byte `from` on, which lies in the last block or just behind it. Eight bytes
    // can be read at `data`, whatever n is.
    void write(Series& s, size_t from, const uint8_t* data, size_t n) {
        size_t offset = from - (s.size - 1u) / kPayload * kPayload;
        if (n > 8 || offset > kPayload - 8) return write_on(s, from, offset, data, n);
        s.size = static_cast<uint16_t>(from + n);
        std::memcpy(at(s.last_block)->bytes + offset, data, 8);
    }
    // One of the chunk's first bytes, but for the count.
    void set_byte(Series& s, size_t i, uint8_t value) { at(s.first_block)->bytes[i] = value; }
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
    // Goes on in another block where this one is full.
    void write_on(Series& s, size_t from, size_t offset, const uint8_t* data, size_t n);

    std::vector<std::unique_ptr<Block[]>> pages_;
    uint32_t used_ = 0;
    uint32_t free_ = RefMap::kNone;
};

}  // namespace narthex
