#include "chunk/xor2.h"

#include <algorithm>
#include <bit>

#include "chunk/padded_bits.h"
#include "chunk/sample_buffer.h"
#include "chunk/stale.h"

namespace narthex {

namespace {

struct Xor2Decoder {
    PaddedBits in;
    XorWindow value;  // of the last sample that was no stale marker

    // A value code after a time code.
    uint64_t take_value() {
        uint64_t word = in.peek();
        switch (std::min(std::countl_one(word), 3)) {
            case 0:
                in.skip(1);
                return value.bits;
            case 1:
                in.skip(2);
                break;
            case 2:
                in.skip(3);
                value.take_window(in);
                break;
            default:
                in.skip(3);
                return kStaleNaNBits;
        }
        value.take_bits(in);
        return value.bits;
    }

    // The joint code of the third sample and those after it.
    uint64_t take_joint(uint64_t& delta) {
        uint64_t word = in.peek();
        auto ones = static_cast<unsigned>(std::min(std::countl_one(word), 5));
        if (ones == 0) {
            in.skip(1);
            return value.bits;
        }
        if (ones == 1) {
            in.skip(3);  // 10 and whether the window is new
            if (word >> 61 & 1) value.take_window(in);
            value.take_bits(in);
            return value.bits;
        }
        if (ones == 5) {
            in.skip(5);
            return kStaleNaNBits;
        }
        in.skip(ones + 1);
        unsigned size = kXor2TimeBits[ones];
        uint64_t dod = in.take(size);
        if (size != 64 && dod >> (size - 1)) dod -= uint64_t{1} << size;
        delta += dod;
        return take_value();
    }
};

}  // namespace

void xor2_decode(std::span<const uint8_t> chunk, int64_t mint, int64_t maxt, SampleBuffer& out,
                 std::vector<int64_t>* starts) {
    unsigned count = chunk_sample_count(chunk, kEncodingXor2);
    if (count == 0) return;
    PaddedChunk padded(chunk, kXor2Header);
    // Every sample takes a bit or more.
    if (padded.size() * 8 < count) throw DecodeError("chunk ends early", chunk.size());
    StartTimeReader start_times(chunk[2]);
    bool read_starts = !start_times.none();
    out.reserve_more(count);
    int64_t* ts = out.times() + out.size();
    double* vs = out.values() + out.size();
    Xor2Decoder d{padded.bits(), {}};
    size_t n = 0;
    int64_t t = 0;
    uint64_t delta = 0, v = 0;
    for (unsigned i = 0; i < count; ++i) {
        int64_t before = t;
        if (i == 0) {
            t = d.in.take_varint();
            v = d.in.take(64);
            if (v != kStaleNaNBits) d.value.bits = v;
        } else {
            if (i == 1) {
                delta = d.in.take_uvarint();
                v = d.take_value();
            } else {
                v = d.take_joint(delta);
            }
            t = static_cast<int64_t>(static_cast<uint64_t>(t) + delta);
        }
        int64_t start = read_starts ? start_times.take(d.in, i, t, before) : 0;
        d.in.check();
        if (t > maxt) break;
        ts[n] = t;
        vs[n] = std::bit_cast<double>(v);
        if (t < mint) continue;
        ++n;
        if (starts != nullptr) starts->push_back(start);
    }
    out.commit(n);
}

void Xor2Appender::append(int64_t t, double v, int64_t start) {
    xor2_encode(state_, samples_, t, std::bit_cast<uint64_t>(v), start, out_);
    ++samples_;
    out_[0] = static_cast<uint8_t>(samples_ >> 8);
    out_[1] = static_cast<uint8_t>(samples_);
    out_[2] = state_.starts.header();
}

}  // namespace narthex
