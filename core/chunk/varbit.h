// Integers in as few bits as their size allows: a prefix of ones tells how many bits follow.
// Format: docs/formats/chunk-histogram.md.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "chunk/padded_bits.h"

namespace narthex {

namespace varbit {

// Bits that follow a prefix of k ones; the last prefix has no closing zero.
inline constexpr unsigned kBits[9] = {0, 3, 6, 9, 12, 18, 25, 56, 64};

// How many ones a value of `significant` bits needs.
inline unsigned ones_for(unsigned significant) {
    unsigned ones = 0;
    while (kBits[ones] < significant) ++ones;
    return ones;
}

template <typename Bits>
void put(Bits& out, unsigned ones, uint64_t value) {
    if (ones == 0) {
        out.put(0, 1);
        return;
    }
    unsigned prefix = ones == 8 ? 8 : ones + 1;
    out.put(ones == 8 ? 0xff : (1u << prefix) - 2, prefix);
    out.put64(value, kBits[ones]);
}

// Gives the number of ones; the value's bits without sign go to `value`.
inline unsigned take(PaddedBits& in, uint64_t& value) {
    uint64_t word = in.peek();
    if (!(word >> 63)) {
        in.skip(1);
        value = 0;
        return 0;
    }
    auto ones = static_cast<unsigned>(std::min(std::countl_one(word), 8));
    unsigned prefix = ones == 8 ? 8 : ones + 1, size = kBits[ones];
    if (ones <= 6) {
        value = word << prefix >> (64 - size);
        in.skip(prefix + size);
    } else {
        in.skip(prefix);
        value = in.take(size);
    }
    return ones;
}

}  // namespace varbit

inline uint64_t take_varbit_uint(PaddedBits& in) {
    uint64_t value;
    varbit::take(in, value);
    return value;
}

// k bits reach from -(2^(k-1) - 1) to 2^(k-1), both included.
inline int64_t take_varbit_int(PaddedBits& in) {
    uint64_t value;
    unsigned ones = varbit::take(in, value), size = varbit::kBits[ones];
    if (ones > 0 && ones < 8 && value > uint64_t{1} << (size - 1)) value -= uint64_t{1} << size;
    return static_cast<int64_t>(value);
}

// `Bits` is anything with put(value, count), and put64 for counts up to 64, that ignore higher bits of
// `value`.
template <typename Bits>
void put_varbit_uint(Bits& out, uint64_t value) {
    varbit::put(out, varbit::ones_for(64u - static_cast<unsigned>(std::countl_zero(value))), value);
}

template <typename Bits>
void put_varbit_int(Bits& out, int64_t value) {
    auto bits = static_cast<uint64_t>(value);
    // The number of bits k with -(2^(k-1) - 1) <= value <= 2^(k-1).
    uint64_t reach = value > 0 ? bits - 1 : ~bits + 1;
    unsigned significant = value == 0 ? 0 : 65u - static_cast<unsigned>(std::countl_zero(reach));
    varbit::put(out, significant > 64 ? 8 : varbit::ones_for(significant), bits);
}

}  // namespace narthex
