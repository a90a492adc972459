// Bounded reading of big-endian integers and Go varints. Every read checks the end and throws DecodeError.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "bytes/error.h"

namespace narthex {

inline uint16_t load_be16(const uint8_t* p) {
    return static_cast<uint16_t>(p[0] << 8 | p[1]);
}
inline uint32_t load_be32(const uint8_t* p) {
    uint32_t v;
    std::memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}
inline uint64_t load_be64(const uint8_t* p) {
    uint64_t v;
    std::memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

// A cursor over a byte span. It does not own the bytes; they must outlive it and every view it returns.
class ByteReader {
  public:
    explicit ByteReader(std::span<const uint8_t> data, size_t base = 0) : data_(data), base_(base) {}

    size_t position() const { return pos_; }
    size_t remaining() const { return data_.size() - pos_; }
    bool empty() const { return pos_ == data_.size(); }

    uint8_t u8() { return *take(1); }
    uint16_t be16() { return load_be16(take(2)); }
    uint32_t be32() { return load_be32(take(4)); }
    uint64_t be64() { return load_be64(take(8)); }

    uint64_t uvarint() {
        uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            uint8_t b = u8();
            if (shift == 63 && b > 1) fail("varint overflows 64 bits");
            value |= static_cast<uint64_t>(b & 0x7f) << shift;
            if (b < 0x80) return value;
        }
        fail("varint overflows 64 bits");
    }

    // Zig-zag varint, as Go's binary.Varint.
    int64_t varint() {
        uint64_t u = uvarint();
        return static_cast<int64_t>(u >> 1) ^ -static_cast<int64_t>(u & 1);
    }

    std::span<const uint8_t> bytes(size_t n) { return {take(n), n}; }

    std::string_view string() {
        uint64_t n = uvarint();
        if (n > remaining()) fail("string runs past the end");
        return {reinterpret_cast<const char*>(take(n)), static_cast<size_t>(n)};
    }

    [[noreturn]] void fail(const char* what) const { throw DecodeError(what, base_ + pos_); }

  private:
    const uint8_t* take(size_t n) {
        if (n > remaining()) fail("unexpected end of data");
        const uint8_t* p = data_.data() + pos_;
        pos_ += n;
        return p;
    }

    std::span<const uint8_t> data_;
    size_t base_;
    size_t pos_ = 0;
};

}  // namespace narthex
