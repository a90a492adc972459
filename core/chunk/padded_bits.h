// Reading a chunk's bit stream without asking for its end before every read: the bytes are copied in front of
// some zeros, and the position is compared with the end after a value.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "bytes/error.h"
#include "bytes/reader.h"

namespace narthex {

// A bit position in a buffer with kPadding readable bytes behind its end. Reads that begin at or before the
// end and take at most kPadding - 8 bytes together are safe; then `check` must look where they ended.
class PaddedBits {
  public:
    // The widest stretch between two checks is a sample of XOR2: 28 bytes. A peek reads eight beyond it.
    static constexpr size_t kPadding = 48;

    // `base` bytes of the chunk lie before `data`; errors count from there.
    PaddedBits(const uint8_t* data, size_t size, size_t base) : data_(data), bits_(size * 8), base_(base) {}

    // The next 57 bits or more, left-aligned.
    uint64_t peek() const { return load_be64(data_ + (position_ >> 3)) << (position_ & 7); }
    void skip(unsigned bits) { position_ += bits; }
    bool past_end() const { return position_ > bits_; }
    void check() const {
        if (past_end()) [[unlikely]]
            throw DecodeError("chunk ends early", byte());
    }
    size_t byte() const { return base_ + (position_ >> 3); }
    // Bits that are left; 0 past the end.
    size_t remaining() const { return past_end() ? 0 : bits_ - position_; }

    // 1 <= count <= 64.
    uint64_t take(unsigned count) {
        uint64_t value;
        if (count <= 57) [[likely]] {
            value = peek() >> (64 - count);
        } else {
            unsigned low = count - 57;
            value = peek() >> 7;
            skip(57);
            uint64_t rest = peek() >> (64 - low);
            skip(low);
            return value << low | rest;
        }
        skip(count);
        return value;
    }

    uint64_t take_uvarint() {
        uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            uint64_t b = take(8);
            value |= (b & 0x7f) << shift;
            if (b < 0x80) return value;
        }
        throw DecodeError("varint overflows 64 bits", byte());
    }
    int64_t take_varint() {
        uint64_t u = take_uvarint();
        return static_cast<int64_t>(u >> 1) ^ -static_cast<int64_t>(u & 1);
    }

  private:
    const uint8_t* data_;
    size_t bits_;
    size_t base_;
    size_t position_ = 0;
};

// The bytes of one chunk, padded. Chunks of up to a kilobyte, that is nearly all, need no allocation.
class PaddedChunk {
  public:
    // Leaves out the first `header` bytes; throws DecodeError when there are fewer.
    PaddedChunk(std::span<const uint8_t> chunk, size_t header) : header_(header) {
        if (chunk.size() < header) throw DecodeError("chunk header is cut", chunk.size());
        size_ = chunk.size() - header;
        uint8_t* to = near_;
        if (size_ > kNear) {
            far_ = std::make_unique_for_overwrite<uint8_t[]>(size_ + PaddedBits::kPadding);
            to = far_.get();
        }
        if (size_ > 0) std::memcpy(to, chunk.data() + header, size_);
        std::memset(to + size_, 0, PaddedBits::kPadding);
        data_ = to;
    }
    PaddedChunk(const PaddedChunk&) = delete;
    PaddedChunk& operator=(const PaddedChunk&) = delete;

    PaddedBits bits() const { return PaddedBits(data_, size_, header_); }
    size_t size() const { return size_; }

  private:
    static constexpr size_t kNear = 1024;
    const uint8_t* data_;
    size_t size_;
    size_t header_;
    uint8_t near_[kNear + PaddedBits::kPadding];
    std::unique_ptr<uint8_t[]> far_;
};

// The window in which the bits of a float differ from those of the one before: what XOR coding remembers.
struct XorWindow {
    uint64_t bits = 0;
    uint8_t leading = 0;
    uint8_t significant = 64;

    // Reads 5 bits of leading zeros and 6 of length (0 stands for 64). Throws DecodeError.
    void take_window(PaddedBits& in) {
        uint64_t word = in.peek();
        leading = static_cast<uint8_t>(word >> 59);
        auto size = static_cast<uint8_t>(word >> 53 & 63);
        significant = size == 0 ? 64 : size;
        if (leading + significant > 64) throw DecodeError("bad float width in chunk", in.byte());
        in.skip(11);
    }
    // Reads the bits in the window.
    void take_bits(PaddedBits& in) { bits ^= in.take(significant) << (64 - leading - significant); }
    // Reads a whole value code of XOR chunks: 0, 10 or 11.
    void take(PaddedBits& in) {
        uint64_t word = in.peek();
        if (!(word >> 63)) {
            in.skip(1);
            return;
        }
        in.skip(2);
        if (word >> 62 & 1) take_window(in);
        take_bits(in);
    }
};

}  // namespace narthex
