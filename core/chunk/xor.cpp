#include "chunk/xor.h"

#include <bit>
#include <utility>

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
    return chunk_sample_count(chunk, kEncodingXor);
}

}  // namespace narthex
