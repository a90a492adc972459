// Appending bits to a growing byte vector, most significant bit first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace narthex {

// The bytes so far are complete after every call: unused bits of the last one are zero.
class BitWriter {
  public:
    // Begins with `header` zero bytes.
    explicit BitWriter(size_t header) : bytes_(header) {}

    // 1 <= count <= 64; higher bits of `value` are ignored.
    void put(uint64_t value, unsigned count) {
        while (count > 0) {
            if (free_ == 0) {
                bytes_.push_back(0);
                free_ = 8;
            }
            unsigned n = std::min(free_, count);
            uint64_t part = value >> (count - n) & ((1u << n) - 1);
            bytes_.back() |= static_cast<uint8_t>(part << (free_ - n));
            free_ -= n;
            count -= n;
        }
    }
    void put64(uint64_t value, unsigned count) { put(value, count); }
    void put_uvarint(uint64_t v) {
        for (; v >= 0x80; v >>= 7) put((v & 0x7f) | 0x80, 8);
        put(v, 8);
    }
    void put_varint(int64_t v) {
        put_uvarint(static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63));
    }

    uint8_t& operator[](size_t byte) { return bytes_[byte]; }
    std::span<const uint8_t> bytes() const { return bytes_; }
    std::vector<uint8_t> take() {
        free_ = 0;
        return std::exchange(bytes_, {});
    }

  private:
    std::vector<uint8_t> bytes_;
    unsigned free_ = 0;  // unused low bits of the last byte
};

}  // namespace narthex
