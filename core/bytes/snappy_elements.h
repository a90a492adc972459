// The elements of snappy's block format as encoders write them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace narthex::snappy {

inline uint32_t load32(const uint8_t* p) {
    uint32_t v;
    std::memcpy(&v, p, 4);
    return v;
}
inline uint64_t load64(const uint8_t* p) {
    uint64_t v;
    std::memcpy(&v, p, 8);
    return v;
}

// Enough for any text of n bytes, with room for stores that are wider than what they add.
inline size_t max_size(size_t n) {
    return 10 + n + n / 6 + 32;
}

// What a compressed text begins with.
inline uint8_t* put_size(uint8_t* out, size_t n) {
    for (; n >= 0x80; n >>= 7) *out++ = static_cast<uint8_t>(n | 0x80);
    *out++ = static_cast<uint8_t>(n);
    return out;
}

// At most 2^32 bytes.
inline uint8_t* put_literal(uint8_t* out, const uint8_t* from, size_t n) {
    if (n == 0) return out;
    size_t length = n - 1;
    if (length < 60) {
        *out++ = static_cast<uint8_t>(length << 2);
    } else {
        unsigned bytes = (static_cast<unsigned>(std::bit_width(length)) + 7) / 8;
        *out++ = static_cast<uint8_t>((59 + bytes) << 2);
        for (; bytes > 0; --bytes, length >>= 8) *out++ = static_cast<uint8_t>(length);
    }
    std::memcpy(out, from, n);
    return out + n;
}

// The same where 16 bytes can be read at `from`, whatever n is: most literals are short.
inline uint8_t* put_inner_literal(uint8_t* out, const uint8_t* from, size_t n) {
    if (n > 16) return put_literal(out, from, n);
    if (n == 0) return out;
    *out++ = static_cast<uint8_t>((n - 1) << 2);
    std::memcpy(out, from, 16);
    return out + n;
}

// 1 <= n <= 64, offset < 2^16.
inline uint8_t* put_short_copy(uint8_t* out, size_t offset, size_t n) {
    if (n >= 4 && n <= 11 && offset < 2048) {
        *out++ = static_cast<uint8_t>(offset >> 8 << 5 | (n - 4) << 2 | 1);
        *out++ = static_cast<uint8_t>(offset);
        return out;
    }
    *out++ = static_cast<uint8_t>((n - 1) << 2 | 2);
    *out++ = static_cast<uint8_t>(offset);
    *out++ = static_cast<uint8_t>(offset >> 8);
    return out;
}

}  // namespace narthex::snappy
