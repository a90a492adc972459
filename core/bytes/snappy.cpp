#include "bytes/snappy.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "bytes/reader.h"
#include "bytes/snappy_elements.h"

namespace narthex {

namespace {

// Back references reach at most this far, so that every one fits a three-byte element.
constexpr size_t kBlock = 1 << 16;
// A match is looked for only while this many bytes are left: wide loads stay inside the block.
constexpr size_t kMargin = 16;
constexpr size_t kMaxTable = 1 << 13;
// One element of three bytes gives at most 64 bytes of text.
constexpr uint64_t kMaxExpansion = 22;

using snappy::load32, snappy::load64, snappy::put_inner_literal, snappy::put_literal, snappy::put_short_copy;

uint8_t* put_copy(uint8_t* out, size_t offset, size_t n) {
    // Never leave a rest shorter than four bytes, which the two-byte element cannot express.
    while (n >= 68) {
        out = put_short_copy(out, offset, 64);
        n -= 64;
    }
    if (n > 64) {
        out = put_short_copy(out, offset, 60);
        n -= 60;
    }
    return put_short_copy(out, offset, n);
}

size_t match_length(const uint8_t* a, const uint8_t* b, const uint8_t* end) {
    const uint8_t* start = b;
    while (end - b >= 8) {
        uint64_t x = load64(a) ^ load64(b);
        if (x != 0) return static_cast<size_t>(b - start) + static_cast<size_t>(std::countr_zero(x)) / 8;
        a += 8;
        b += 8;
    }
    while (b < end && *a == *b) {
        ++a;
        ++b;
    }
    return static_cast<size_t>(b - start);
}

uint8_t* encode_block(const uint8_t* data, size_t n, uint8_t* out, std::span<uint16_t> table) {
    const uint8_t* end = data + n;
    const uint8_t* literal = data;
    if (n >= kMargin) {
        unsigned shift = 32u - static_cast<unsigned>(std::countr_zero(table.size()));
        const uint8_t* last = end - kMargin;
        const uint8_t* p = data + 1;
        unsigned misses = 32;
        while (p <= last) {
            uint32_t word = load32(p);
            uint16_t& slot = table[word * 0x1e35a7bdu >> shift];
            const uint8_t* candidate = data + slot;
            slot = static_cast<uint16_t>(p - data);
            if (candidate >= p || load32(candidate) != word) {
                p += misses++ >> 5;  // the longer nothing matches, the wider the steps
                continue;
            }
            misses = 32;
            size_t length = 4 + match_length(candidate + 4, p + 4, end);
            out = put_inner_literal(out, literal, static_cast<size_t>(p - literal));
            out = put_copy(out, static_cast<size_t>(p - candidate), length);
            p += length;
            literal = p;
            if (p <= last) table[load32(p - 1) * 0x1e35a7bdu >> shift] = static_cast<uint16_t>(p - 1 - data);
        }
    }
    return put_literal(out, literal, static_cast<size_t>(end - literal));
}

size_t literal_length(ByteReader& in, unsigned code) {
    if (code < 60) return code + 1;
    size_t length = 0;
    for (unsigned i = 0; i < code - 59; ++i) length |= static_cast<size_t>(in.u8()) << (8 * i);
    return length + 1;
}

void copy_within(uint8_t* to, size_t offset, size_t n) {
    const uint8_t* from = to - offset;
    if (offset >= n) {
        std::memcpy(to, from, n);
        return;
    }
    for (size_t i = 0; i < n; ++i) to[i] = from[i];  // overlapping: repeats the pattern
}

}  // namespace

void snappy_encode(std::span<const uint8_t> data, std::vector<uint8_t>& out) {
    size_t start = out.size();
    out.resize(start + snappy::max_size(data.size()));
    uint8_t* p = snappy::put_size(out.data() + start, data.size());
    uint16_t table[kMaxTable];
    for (size_t at = 0; at < data.size(); at += kBlock) {
        size_t n = std::min(kBlock, data.size() - at);
        size_t slots = std::clamp(std::bit_ceil(n / 2), size_t{256}, kMaxTable);
        std::memset(table, 0, slots * sizeof(uint16_t));
        p = encode_block(data.data() + at, n, p, {table, slots});
    }
    out.resize(static_cast<size_t>(p - out.data()));
}

void snappy_decode(std::span<const uint8_t> data, size_t limit, std::vector<uint8_t>& out) {
    ByteReader in(data);
    uint64_t size = in.uvarint();
    if (size > limit || size > kMaxExpansion * in.remaining()) in.fail("snappy length is over its limit");
    out.resize(size);
    uint8_t* to = out.data();
    uint8_t* end = to + size;
    while (!in.empty()) {
        uint8_t tag = in.u8();
        size_t n;
        if ((tag & 3) == 0) {
            n = literal_length(in, tag >> 2);
            if (n > static_cast<size_t>(end - to)) in.fail("snappy literal runs past the declared length");
            std::memcpy(to, in.bytes(n).data(), n);
            to += n;
            continue;
        }
        size_t offset;
        if ((tag & 3) == 1) {
            n = 4 + (tag >> 2 & 7);
            offset = static_cast<size_t>(tag >> 5) << 8 | in.u8();
        } else {
            n = 1 + (tag >> 2);
            offset = 0;
            for (unsigned i = 0; i < ((tag & 3) == 2 ? 2u : 4u); ++i) {
                offset |= static_cast<size_t>(in.u8()) << (8 * i);
            }
        }
        if (offset == 0 || offset > static_cast<size_t>(to - out.data())) in.fail("bad snappy offset");
        if (n > static_cast<size_t>(end - to)) in.fail("snappy copy runs past the declared length");
        copy_within(to, offset, n);
        to += n;
    }
    if (to != end) in.fail("snappy text is shorter than declared");
}

}  // namespace narthex
