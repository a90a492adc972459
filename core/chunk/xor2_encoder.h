// One sample into the bit stream of an XOR2 chunk, without owning a buffer. Format:
// docs/formats/chunk-xor2.md.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "chunk/stale.h"
#include "chunk/start_times.h"
#include "chunk/xor_encoder.h"

namespace narthex {

// Bytes before the bit stream: sample count and what start times say of themselves.
inline constexpr size_t kXor2Header = 3;
// A sample takes at most this many bytes, the begun byte and its start time included.
inline constexpr size_t kXor2MaxSample = 29;

// After a time code.
inline constexpr XorPrefixes kXor2WithTime{0b10, 2, 0b110, 3};
// The joint code said that the value differs.
inline constexpr XorPrefixes kXor2SameSpacing{0b0, 1, 0b1, 1};
inline constexpr uint64_t kXor2StaleAfterTime = 0b111;
// The joint codes that carry a delta of deltas, by number of leading ones: its width.
inline constexpr unsigned kXor2TimeBits[5] = {0, 0, 13, 20, 64};

// What the encoder must remember between two samples. `v` is the last value that was no stale marker.
struct Xor2State {
    int64_t t = 0;
    uint64_t v = 0;
    uint64_t delta = 0;
    uint8_t leading = 0xff;
    uint8_t trailing = 0;
    StartTimeWriter starts;
};

namespace xor2 {

template <typename Bits>
void put_value(Xor2State& s, uint64_t bits, Bits& out) {
    if (bits == kStaleNaNBits) {
        out.put(kXor2StaleAfterTime, 3);
    } else if (bits == s.v) {
        out.put(0, 1);
    } else {
        put_xor_bits(s, bits ^ s.v, kXor2WithTime, out);
        s.v = bits;
    }
}

template <typename Bits>
void put_joint(Xor2State& s, int64_t dod, uint64_t bits, Bits& out) {
    auto fits = [dod](unsigned size) {
        int64_t limit = int64_t{1} << (size - 1);
        return -limit <= dod && dod < limit;
    };
    if (dod != 0) {
        unsigned ones = fits(13) ? 2 : fits(20) ? 3 : 4;
        out.put((1u << (ones + 1)) - 2, ones + 1);
        out.put64(static_cast<uint64_t>(dod), kXor2TimeBits[ones]);
        put_value(s, bits, out);
    } else if (bits == kStaleNaNBits) {
        out.put(0b11111, 5);
    } else if (bits == s.v) {
        out.put(0, 1);
    } else {
        out.put(0b10, 2);
        put_xor_bits(s, bits ^ s.v, kXor2SameSpacing, out);
        s.v = bits;
    }
}

}  // namespace xor2

// Encodes a sample that follows `count` others; `start` is its start time, 0 when unknown. The chunk's third
// byte is then state.starts.header().
template <typename Bits>
void xor2_encode(Xor2State& s, unsigned count, int64_t t, uint64_t bits, int64_t start, Bits& out) {
    uint64_t delta = static_cast<uint64_t>(t) - static_cast<uint64_t>(s.t);
    if (count == 0) {
        out.put_varint(t);
        out.put64(bits, 64);
        if (bits != kStaleNaNBits) s.v = bits;
        delta = 0;
    } else if (count == 1) {
        out.put_uvarint(delta);
        xor2::put_value(s, bits, out);
    } else {
        xor2::put_joint(s, static_cast<int64_t>(delta - s.delta), bits, out);
    }
    s.starts.put(out, count, t, s.t, start);
    s.t = t;
    s.delta = delta;
}

}  // namespace narthex
