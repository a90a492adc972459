#include "chunk/xor.h"

#include <bit>
#include <utility>

#include "chunk/bits.h"
#include "chunk/xor_encoder.h"

namespace narthex {

XorAppender::XorAppender() {
    buf_.reserve(48);
    buf_.resize(2);
}

std::vector<uint8_t> XorAppender::take() {
    buf_.shrink_to_fit();
    return std::move(buf_);
}

void XorAppender::append(int64_t t, double value) {
    uint16_t n = samples();
    XorBits bits(buf_.back(), state_.free_bits);
    if (state_.free_bits > 0) buf_.pop_back();
    xor_encode(state_, n, t, std::bit_cast<uint64_t>(value), bits);
    buf_.insert(buf_.end(), bits.data(), bits.data() + bits.size());
    ++n;
    buf_[0] = static_cast<uint8_t>(n >> 8);
    buf_[1] = static_cast<uint8_t>(n);
}

uint16_t xor_sample_count(std::span<const uint8_t> chunk) {
    if (chunk.size() < 2) throw DecodeError("chunk header is cut", chunk.size());
    return load_be16(chunk.data());
}

void xor_decode(std::span<const uint8_t> chunk, int64_t mint, int64_t maxt, std::vector<int64_t>& ts,
                std::vector<double>& vs) {
    unsigned count = xor_sample_count(chunk);
    if (count == 0) return;
    BitReader in(chunk.subspan(2));
    auto emit = [&](int64_t t, uint64_t bits) {
        if (t >= mint) {
            ts.push_back(t);
            vs.push_back(std::bit_cast<double>(bits));
        }
    };
    int64_t t = in.varint();
    uint64_t v = in.bits(64);
    if (t > maxt) return;
    emit(t, v);
    unsigned leading = 0, trailing = 0;
    uint64_t delta = 0;
    for (unsigned i = 1; i < count; ++i) {
        if (i == 1) {
            delta = in.uvarint();
        } else if (in.bit()) {
            unsigned size = !in.bit() ? 14 : !in.bit() ? 17 : !in.bit() ? 20 : 64;
            uint64_t dod = in.bits(size);
            if (size != 64 && dod > 1ULL << (size - 1)) dod -= 1ULL << size;
            delta += dod;
        }
        t = static_cast<int64_t>(static_cast<uint64_t>(t) + delta);
        if (in.bit()) {
            if (in.bit()) {
                leading = static_cast<unsigned>(in.bits(5));
                auto significant = static_cast<unsigned>(in.bits(6));
                if (significant == 0) significant = 64;
                if (leading + significant > 64) throw DecodeError("bad float width in chunk", in.offset());
                trailing = 64 - leading - significant;
            }
            v ^= in.bits(64 - leading - trailing) << trailing;
        }
        if (t > maxt) return;
        emit(t, v);
    }
}

}  // namespace narthex
