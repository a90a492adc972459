#include "chunk/xor2.h"

#include <algorithm>
#include <bit>

#include "chunk/padded_bits.h"
#include "chunk/sample_buffer.h"
#include "chunk/stale.h"
#include "chunk/xor_encoder.h"

namespace narthex {

namespace {

constexpr size_t kXor2Header = 3;
constexpr XorPrefixes kWithTime{0b10, 2, 0b110, 3};  // after a time code
constexpr XorPrefixes kSameSpacing{0b0, 1, 0b1, 1};  // the joint code said that the value differs
constexpr uint64_t kStaleAfterTime = 0b111;

// The joint codes that carry a delta of deltas, by number of leading ones: its width.
constexpr unsigned kTimeBits[5] = {0, 0, 13, 20, 64};

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
        unsigned size = kTimeBits[ones];
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

void Xor2Appender::put_value(uint64_t bits) {
    if (bits == kStaleNaNBits) {
        out_.put(kStaleAfterTime, 3);
        return;
    }
    if (bits == window_.v) {
        out_.put(0, 1);
        return;
    }
    put_xor_bits(window_, bits ^ window_.v, kWithTime, out_);
    window_.v = bits;
}

void Xor2Appender::put_joint(int64_t dod, uint64_t bits) {
    auto raw = static_cast<uint64_t>(dod);
    auto fits = [dod](unsigned size) {
        int64_t limit = int64_t{1} << (size - 1);
        return -limit <= dod && dod < limit;
    };
    if (dod == 0) {
        if (bits == kStaleNaNBits) {
            out_.put(0b11111, 5);
        } else if (bits == window_.v) {
            out_.put(0, 1);
        } else {
            out_.put(0b10, 2);
            put_xor_bits(window_, bits ^ window_.v, kSameSpacing, out_);
            window_.v = bits;
        }
        return;
    }
    unsigned ones = fits(13) ? 2 : fits(20) ? 3 : 4;
    out_.put((1u << (ones + 1)) - 2, ones + 1);
    out_.put(raw, kTimeBits[ones]);
    put_value(bits);
}

void Xor2Appender::append(int64_t t, double v, int64_t start) {
    auto bits = std::bit_cast<uint64_t>(v);
    uint64_t delta = static_cast<uint64_t>(t) - static_cast<uint64_t>(t_);
    if (samples_ == 0) {
        out_.put_varint(t);
        out_.put(bits, 64);
        if (bits != kStaleNaNBits) window_.v = bits;
        delta = 0;
    } else if (samples_ == 1) {
        out_.put_uvarint(delta);
        put_value(bits);
    } else {
        put_joint(static_cast<int64_t>(delta - delta_), bits);
    }
    starts_.put(out_, samples_, t, t_, start);
    t_ = t;
    delta_ = delta;
    ++samples_;
    out_[0] = static_cast<uint8_t>(samples_ >> 8);
    out_[1] = static_cast<uint8_t>(samples_);
    out_[2] = starts_.header();
}

}  // namespace narthex
