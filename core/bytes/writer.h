// Appending big-endian integers and Go varints to a growing byte vector.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace narthex {

class ByteWriter {
  public:
    std::vector<uint8_t>& buffer() { return out_; }
    const std::vector<uint8_t>& buffer() const { return out_; }
    size_t size() const { return out_.size(); }

    void u8(uint8_t v) { out_.push_back(v); }
    void be16(uint16_t v) {
        uint8_t b[2] = {static_cast<uint8_t>(v >> 8), static_cast<uint8_t>(v)};
        raw({b, 2});
    }
    void be32(uint32_t v) {
        v = __builtin_bswap32(v);
        append(&v, 4);
    }
    void be64(uint64_t v) {
        v = __builtin_bswap64(v);
        append(&v, 8);
    }
    void uvarint(uint64_t v) {
        uint8_t b[10];
        size_t n = 0;
        while (v >= 0x80) {
            b[n++] = static_cast<uint8_t>(v | 0x80);
            v >>= 7;
        }
        b[n++] = static_cast<uint8_t>(v);
        raw({b, n});
    }
    void varint(int64_t v) { uvarint(static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63)); }
    void string(std::string_view s) {
        uvarint(s.size());
        append(s.data(), s.size());
    }
    void raw(std::span<const uint8_t> b) { append(b.data(), b.size()); }

  private:
    void append(const void* p, size_t n) {
        if (n == 0) return;
        size_t at = out_.size();
        out_.resize(at + n);
        std::memcpy(out_.data() + at, p, n);
    }
    std::vector<uint8_t> out_;
};

}  // namespace narthex
