#include "wal/sample_snappy.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "bytes/snappy_elements.h"

namespace narthex {

namespace {

using snappy::load32, snappy::load64, snappy::put_inner_literal, snappy::put_literal, snappy::put_short_copy;

// Type, base reference, base time.
constexpr size_t kHeader = 17;
constexpr size_t kValue = 8;
constexpr ptrdiff_t kMinEntry = 10;  // two varints of one byte, and the value

// Where something was seen last, by its hash. Places are kept modulo 2^16, which is as far as a copy reaches;
// what lies there is compared anyway.
template <unsigned kBits>
class Seen {
  public:
    // How far back from `at` to go, 0: nowhere. From now on it is `at` that was seen.
    size_t swap(uint64_t key, size_t at) {
        uint16_t& slot = places_[key * 0x9e3779b97f4a7c15ULL >> (64 - kBits)];
        auto back = static_cast<uint16_t>(at - slot);
        slot = static_cast<uint16_t>(at);
        return back;
    }

  private:
    uint16_t places_[size_t{1} << kBits] = {};
};

// What is behind the varint, at most `last`.
const uint8_t* skip_varint(const uint8_t* p, const uint8_t* last) {
    while (p < last && (*p++ & 0x80) != 0) {
    }
    return p;
}

// Bytes in which the beginnings, or the ends, of two words agree.
size_t same_first(uint64_t a, uint64_t b) {
    return static_cast<size_t>(std::countr_zero(a ^ b)) / 8;
}
size_t same_last(uint64_t a, uint64_t b) {
    return static_cast<size_t>(std::countl_zero(a ^ b)) / 8;
}

}  // namespace

// Of each entry three things may have been there before: its value, with the bytes of the differences in
// front of it; the beginning of it (sign, exponent, first digits); the end of it (zeros of small integers,
// digits of decimal fractions).
void snappy_encode_samples(std::span<const uint8_t> record, std::vector<uint8_t>& out) {
    size_t start = out.size();
    out.resize(start + snappy::max_size(record.size()));
    uint8_t* to = snappy::put_size(out.data() + start, record.size());
    Seen<12> values;
    Seen<9> beginnings, ends;
    const uint8_t* base = record.data();
    const uint8_t* end = base + record.size();
    const uint8_t* literal = base;
    const uint8_t* p = base + std::min(kHeader, record.size());
    auto put_match = [&](const uint8_t* from, size_t back, size_t n) {
        auto before = static_cast<size_t>(from - literal);
        to = end - literal >= 16 ? put_inner_literal(to, literal, before) : put_literal(to, literal, before);
        to = put_short_copy(to, back, n);
        literal = from + n;
    };
    while (end - p >= kMinEntry) {
        const uint8_t* last = end - kValue;
        const uint8_t* v = skip_varint(skip_varint(p, last), last);
        p = v + kValue;
        auto at = static_cast<size_t>(v - base);
        uint64_t value = load64(v);
        uint32_t head = load32(v - 2);
        size_t back = values.swap(value, at);
        size_t back_head = beginnings.swap(head, at - 2);
        size_t back_end = ends.swap(value >> 32, at);
        // How many bytes of what stands between the last match and the value are there as well.
        auto same_before = [&](size_t distance) {
            return std::min(same_last(load64(v - kValue), load64(v - distance - kValue)),
                            static_cast<size_t>(v - literal));
        };
        if (back != 0 && at - back >= kHeader && load64(v - back) == value) {
            size_t before = same_before(back);
            put_match(v - before, back, before + kValue);
            continue;
        }
        if (back_head != 0 && at - back_head >= kHeader && load32(v - 2 - back_head) == head) {
            size_t before = same_before(back_head);
            size_t n = before + same_first(value, load64(v - back_head));
            if (n >= 4) put_match(v - before, back_head, n);
        }
        size_t n = back_end == 0 ? 0 : same_last(value, load64(v - back_end));
        n = std::min(n, static_cast<size_t>(p - literal));
        if (n >= 4) put_match(p - n, back_end, n);
    }
    to = put_literal(to, literal, static_cast<size_t>(end - literal));
    out.resize(static_cast<size_t>(to - out.data()));
}

}  // namespace narthex
