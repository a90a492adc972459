// Decoding of XOR chunks. The loop peeks at 57 bits at once and writes into columns that already have room,
// so the only branches that depend on data are "same spacing", "same value" and "more than 57 significant
// bits".
#include <algorithm>
#include <bit>
#include <cstring>

#include "bytes/error.h"
#include "bytes/reader.h"
#include "chunk/sample_buffer.h"
#include "chunk/xor.h"

namespace narthex {

namespace {

// A sample needs at most 4 + 64 + 13 + 64 bits; with one peek beyond them reads stay within this many bytes.
constexpr size_t kPadding = 32;

// A bit position in a buffer that has kPadding readable bytes behind its end.
class PaddedBits {
  public:
    explicit PaddedBits(const uint8_t* data, size_t size) : data_(data), bits_(size * 8) {}

    // The next 57 bits or more, left-aligned.
    uint64_t peek() const { return load_be64(data_ + (position_ >> 3)) << (position_ & 7); }
    void skip(unsigned bits) { position_ += bits; }
    bool past_end() const { return position_ > bits_; }
    size_t byte() const { return position_ >> 3; }

    // 1 <= count <= 64.
    uint64_t take(unsigned count) {
        uint64_t value;
        if (count <= 57) [[likely]] {
            value = peek() >> (64 - count);
        } else {
            unsigned low = count - 57;
            value = peek() >> 7;
            skip(57);
            uint64_t rest = peek() >> (64 - low);
            skip(low);
            return value << low | rest;
        }
        skip(count);
        return value;
    }

    uint64_t uvarint() {
        uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            uint64_t b = take(8);
            value |= (b & 0x7f) << shift;
            if (b < 0x80) return value;
        }
        throw DecodeError("varint overflows 64 bits", byte());
    }

  private:
    const uint8_t* data_;
    size_t bits_;
    size_t position_ = 0;
};

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

[[noreturn]] void ends_early(const PaddedBits& in) {
    throw DecodeError("chunk ends early", in.byte() + 2);
}

size_t decode(PaddedBits in, unsigned count, int64_t mint, int64_t maxt, int64_t* ts, double* vs) {
    size_t n = 0;
    uint64_t first = in.uvarint();
    int64_t t = static_cast<int64_t>(first >> 1) ^ -static_cast<int64_t>(first & 1);
    uint64_t v = in.take(64);
    if (in.past_end()) ends_early(in);
    if (t > maxt) return 0;
    ts[0] = t;
    vs[0] = std::bit_cast<double>(v);
    n += t >= mint;
    unsigned leading = 0, significant = 64;
    uint64_t delta = 0;
    for (unsigned i = 1; i < count; ++i) {
        uint64_t word = in.peek();
        if (i == 1) [[unlikely]] {
            delta = in.uvarint();
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
            if (leading + significant > 64) throw DecodeError("bad float width in chunk", in.byte() + 2);
            in.skip(fresh ? 13 : 2);
            v ^= in.take(significant) << (64 - leading - significant);
        }
        if (in.past_end()) ends_early(in);
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
    auto body = chunk.subspan(2);
    // Every sample but the first takes two bits or more: a header that promises more is a lie not worth
    // memory.
    if (body.size() * 4 < count) throw DecodeError("chunk ends early", chunk.size());
    out.reserve_more(count);
    int64_t* ts = out.times() + out.size();
    double* vs = out.values() + out.size();
    uint8_t near[1024 + kPadding];
    if (body.size() + kPadding <= sizeof near) {
        std::memcpy(near, body.data(), body.size());
        std::memset(near + body.size(), 0, kPadding);
        out.commit(decode(PaddedBits(near, body.size()), count, mint, maxt, ts, vs));
        return;
    }
    std::unique_ptr<uint8_t[]> far = std::make_unique_for_overwrite<uint8_t[]>(body.size() + kPadding);
    std::memcpy(far.get(), body.data(), body.size());
    std::memset(far.get() + body.size(), 0, kPadding);
    out.commit(decode(PaddedBits(far.get(), body.size()), count, mint, maxt, ts, vs));
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
