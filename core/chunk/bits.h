// Bit-wise reading, most significant bit first, through a 64-bit window.
#pragma once

#include <cstdint>
#include <span>

#include "bytes/reader.h"

namespace narthex {

class BitReader {
  public:
    explicit BitReader(std::span<const uint8_t> data)
        : begin_(data.data()), p_(begin_), end_(p_ + data.size()) {}

    bool bit() {
        if (valid_ == 0) refill(1);
        --valid_;
        return window_ >> valid_ & 1;
    }

    // 0 < count <= 64.
    uint64_t bits(unsigned count) {
        if (count <= valid_) {
            valid_ -= count;
            return window_ >> valid_ & mask(count);
        }
        unsigned rest = count - valid_;
        uint64_t high = valid_ == 0 ? 0 : window_ & mask(valid_);
        valid_ = 0;
        refill(rest);
        valid_ -= rest;
        uint64_t low = window_ >> valid_ & mask(rest);
        return rest == 64 ? low : high << rest | low;
    }

    uint64_t uvarint() {
        uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            uint64_t b = bits(8);
            value |= (b & 0x7f) << shift;
            if (b < 0x80) return value;
        }
        throw DecodeError("varint overflows 64 bits", offset());
    }
    int64_t varint() {
        uint64_t u = uvarint();
        return static_cast<int64_t>(u >> 1) ^ -static_cast<int64_t>(u & 1);
    }
    size_t offset() const { return static_cast<size_t>(p_ - begin_); }

  private:
    static uint64_t mask(unsigned count) { return count == 64 ? ~0ULL : (1ULL << count) - 1; }

    // Loads the next up to eight bytes; called with valid_ == 0.
    void refill(unsigned need) {
        if (end_ - p_ >= 8) {
            window_ = load_be64(p_);
            p_ += 8;
            valid_ = 64;
            return;
        }
        window_ = 0;
        while (p_ < end_) {
            window_ = window_ << 8 | *p_++;
            valid_ += 8;
        }
        if (valid_ < need) throw DecodeError("chunk ends early", offset());
    }

    const uint8_t* begin_;
    const uint8_t* p_;
    const uint8_t* end_;
    uint64_t window_ = 0;
    unsigned valid_ = 0;
};

}  // namespace narthex
