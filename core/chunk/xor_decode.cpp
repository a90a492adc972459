// Decoding of XOR chunks. The loop peeks at 57 bits at once and writes into columns that already have room,
// so the only branches that depend on data are "same spacing", "same value" and "more than 57 significant
// bits".
#include <algorithm>
#include <bit>

#include "chunk/padded_bits.h"
#include "chunk/sample_buffer.h"
#include "chunk/xor.h"

namespace narthex {

namespace {

// Reads a delta of deltas that is not 0; `word` starts at its first bit, which is set.
uint64_t take_delta_of_delta(PaddedBits& in, uint64_t word) {
    static constexpr unsigned kHeader[4] = {2, 3, 4, 4};
    static constexpr unsigned kSize[4] = {14, 17, 20, 64};
    auto kind = static_cast<unsigned>(std::min(std::countl_one(word), 4)) - 1;
    in.skip(kHeader[kind]);
    unsigned size = kSize[kind];
    uint64_t dod = in.take(size);
    if (size != 64 && dod > 1ULL << (size - 1)) dod -= 1ULL << size;
    return dod;
}

size_t decode(PaddedBits in, unsigned count, int64_t mint, int64_t maxt, int64_t* ts, double* vs) {
    size_t n = 0;
    int64_t t = in.take_varint();
    uint64_t v = in.take(64);
    in.check();
    if (t > maxt) return 0;
    ts[0] = t;
    vs[0] = std::bit_cast<double>(v);
    n += t >= mint;
    unsigned leading = 0, significant = 64;
    uint64_t delta = 0;
    for (unsigned i = 1; i < count; ++i) {
        uint64_t word = in.peek();
        if (i == 1) [[unlikely]] {
            delta = in.take_uvarint();
            word = in.peek();
        } else if (!(word >> 63)) {
            in.skip(1);
            word <<= 1;
        } else {
            delta += take_delta_of_delta(in, word);
            word = in.peek();
        }
        t = static_cast<int64_t>(static_cast<uint64_t>(t) + delta);
        if (!(word >> 63)) {
            in.skip(1);
        } else {
            bool fresh = word >> 62 & 1;
            auto size = static_cast<unsigned>(word >> 51 & 63);
            leading = fresh ? static_cast<unsigned>(word >> 57 & 31) : leading;
            significant = fresh ? (size == 0 ? 64 : size) : significant;
            if (leading + significant > 64) throw DecodeError("bad float width in chunk", in.byte());
            in.skip(fresh ? 13 : 2);
            v ^= in.take(significant) << (64 - leading - significant);
        }
        in.check();
        if (t > maxt) break;
        ts[n] = t;
        vs[n] = std::bit_cast<double>(v);
        n += t >= mint;
    }
    return n;
}

}  // namespace

void xor_decode(std::span<const uint8_t> chunk, int64_t mint, int64_t maxt, SampleBuffer& out) {
    unsigned count = xor_sample_count(chunk);
    if (count == 0) return;
    PaddedChunk padded(chunk, 2);
    // Every sample but the first takes two bits or more: a header that promises more is a lie not worth
    // memory.
    if (padded.size() * 4 < count) throw DecodeError("chunk ends early", chunk.size());
    out.reserve_more(count);
    out.commit(decode(padded.bits(), count, mint, maxt, out.times() + out.size(), out.values() + out.size()));
}

void xor_decode(std::span<const uint8_t> chunk, int64_t mint, int64_t maxt, std::vector<int64_t>& ts,
                std::vector<double>& vs) {
    thread_local SampleBuffer buffer;
    buffer.clear();
    xor_decode(chunk, mint, maxt, buffer);
    ts.insert(ts.end(), buffer.times(), buffer.times() + buffer.size());
    vs.insert(vs.end(), buffer.values(), buffer.values() + buffer.size());
}

}  // namespace narthex
