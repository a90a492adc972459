// One sample into the bit stream of an XOR chunk, without owning a buffer: the head keeps its open chunks in
// a few bytes and brings its own memory.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace narthex {

// What the encoder must remember between two samples of a chunk.
struct XorState {
    int64_t t = 0;
    uint64_t v = 0;
    uint64_t delta = 0;
    uint8_t free_bits = 0;  // unused low bits of the last byte
    uint8_t leading = 0xff;
    uint8_t trailing = 0;
};

// A sample takes at most this many bytes, the begun byte included.
inline constexpr size_t kXorMaxSample = 21;

// Bits on their way into a chunk, most significant first. There is room for the widest sample, one of XOR2
// with its start time, and for the eight bytes that every store writes.
inline constexpr size_t kXorBitsRoom = 40;
class XorBits {
  public:
    // `begun` is the chunk's last byte when `free_bits` > 0.
    XorBits(uint8_t begun, unsigned free_bits) : at_(free_bits ? 8 - free_bits : 0) {
        bytes_[0] = free_bits ? begun : 0;
    }

    // 0 < count <= 56; higher bits of `value` are ignored.
    void put(uint64_t value, unsigned count) {
        uint8_t* p = bytes_ + (at_ >> 3);
        unsigned used = at_ & 7;
        uint64_t word = used ? static_cast<uint64_t>(*p) << 56 : 0;
        word |= value << (64 - count) >> used;
        word = __builtin_bswap64(word);
        std::memcpy(p, &word, 8);
        at_ += count;
    }
    void put64(uint64_t value, unsigned count) {
        if (count > 56) {
            put(value >> 32, count - 32);
            count = 32;
        }
        put(value, count);
    }
    void put_uvarint(uint64_t v) {
        for (; v >= 0x80; v >>= 7) put((v & 0x7f) | 0x80, 8);
        put(v, 8);
    }
    void put_varint(int64_t v) {
        put_uvarint(static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63));
    }
    size_t size() const { return (at_ + 7) >> 3; }
    unsigned free_bits() const { return -at_ & 7; }
    const uint8_t* data() const { return bytes_; }

  private:
    uint8_t bytes_[kXorBitsRoom];
    unsigned at_;
};

// How a value code says that bits follow: in the window of the last one, or in a new one.
struct XorPrefixes {
    uint8_t reuse, reuse_bits;
    uint8_t fresh, fresh_bits;
};
inline constexpr XorPrefixes kXorPrefixes{0b10, 2, 0b11, 2};

// Writes `x`, the bits of a value XOR those of the one before; not 0. `State` remembers the window.
template <typename State, typename Bits>
void put_xor_bits(State& s, uint64_t x, XorPrefixes prefixes, Bits& out) {
    auto leading = static_cast<uint8_t>(std::countl_zero(x));
    auto trailing = static_cast<uint8_t>(std::countr_zero(x));
    if (leading > 31) leading = 31;
    if (s.leading != 0xff && leading >= s.leading && trailing >= s.trailing) {
        out.put(prefixes.reuse, prefixes.reuse_bits);
        out.put64(x >> s.trailing, 64u - s.leading - s.trailing);
        return;
    }
    s.leading = leading;
    s.trailing = trailing;
    unsigned significant = 64u - leading - trailing;
    out.put(static_cast<uint64_t>(prefixes.fresh) << 11 | static_cast<uint64_t>(leading) << 6 |
                (significant & 63),  // 64 is written as 0
            prefixes.fresh_bits + 11u);
    out.put64(x >> trailing, significant);
}

template <typename State, typename Bits>
void put_xor_value(State& s, uint64_t bits, Bits& out) {
    uint64_t x = bits ^ s.v;
    s.v = bits;
    if (x == 0) {
        out.put(0, 1);
    } else {
        put_xor_bits(s, x, kXorPrefixes, out);
    }
}

inline void put_xor_time(uint64_t delta_of_delta, XorBits& out) {
    auto dod = static_cast<int64_t>(delta_of_delta);
    auto fits = [dod](unsigned bits) {
        return -((int64_t{1} << (bits - 1)) - 1) <= dod && dod <= int64_t{1} << (bits - 1);
    };
    constexpr uint64_t one = 1;
    if (dod == 0) {
        out.put(0, 1);
    } else if (fits(14)) {
        out.put(0b10u << 14 | (delta_of_delta & ((one << 14) - 1)), 16);
    } else if (fits(17)) {
        out.put(0b110u << 17 | (delta_of_delta & ((one << 17) - 1)), 20);
    } else if (fits(20)) {
        out.put(0b1110u << 20 | (delta_of_delta & ((one << 20) - 1)), 24);
    } else {
        out.put(0b1111, 4);
        out.put64(delta_of_delta, 64);
    }
}

// Encodes a sample that follows `count` others. Times may be anything: differences wrap, they do not
// overflow.
inline void xor_encode(XorState& s, unsigned count, int64_t t, uint64_t bits, XorBits& out) {
    uint64_t delta = static_cast<uint64_t>(t) - static_cast<uint64_t>(s.t);
    if (count == 0) {
        out.put_uvarint(static_cast<uint64_t>(t) << 1 ^ static_cast<uint64_t>(t >> 63));
        out.put64(bits, 64);
        s.v = bits;
        s.leading = 0xff;
    } else if (count == 1) {
        out.put_uvarint(delta);
        s.delta = delta;
        put_xor_value(s, bits, out);
    } else {
        put_xor_time(delta - s.delta, out);
        s.delta = delta;
        put_xor_value(s, bits, out);
    }
    s.t = t;
    s.free_bits = static_cast<uint8_t>(out.free_bits());
}

}  // namespace narthex
