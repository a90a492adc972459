#include "chunk/xor.h"

#include <bit>
#include <utility>

#include "chunk/bits.h"

namespace narthex {

namespace {

bool fits(int64_t v, unsigned bits) {
    return -((int64_t{1} << (bits - 1)) - 1) <= v && v <= int64_t{1} << (bits - 1);
}

}  // namespace

XorAppender::XorAppender() {
    buf_.reserve(48);
    buf_.resize(2);
}

std::vector<uint8_t> XorAppender::take() {
    buf_.shrink_to_fit();
    return std::move(buf_);
}

void XorAppender::put_bit(bool bit) {
    if (free_ == 0) {
        buf_.push_back(0);
        free_ = 8;
    }
    --free_;
    if (bit) buf_.back() |= static_cast<uint8_t>(1u << free_);
}

void XorAppender::put_bits(uint64_t value, unsigned count) {
    while (count > 0) {
        if (free_ == 0) {
            buf_.push_back(0);
            free_ = 8;
        }
        unsigned n = count < free_ ? count : free_;
        uint64_t part = value >> (count - n) & ((1u << n) - 1);
        buf_.back() |= static_cast<uint8_t>(part << (free_ - n));
        free_ = static_cast<uint8_t>(free_ - n);
        count -= n;
    }
}

void XorAppender::put_uvarint(uint64_t v) {
    while (v >= 0x80) {
        put_bits((v & 0x7f) | 0x80, 8);
        v >>= 7;
    }
    put_bits(v, 8);
}

void XorAppender::put_value(uint64_t bits) {
    uint64_t x = bits ^ v_;
    v_ = bits;
    if (x == 0) {
        put_bit(false);
        return;
    }
    put_bit(true);
    auto leading = static_cast<uint8_t>(std::countl_zero(x));
    auto trailing = static_cast<uint8_t>(std::countr_zero(x));
    if (leading > 31) leading = 31;
    if (leading_ != 0xff && leading >= leading_ && trailing >= trailing_) {
        put_bit(false);
        put_bits(x >> trailing_, 64u - leading_ - trailing_);
        return;
    }
    leading_ = leading;
    trailing_ = trailing;
    put_bit(true);
    put_bits(leading, 5);
    unsigned significant = 64u - leading - trailing;
    put_bits(significant & 63, 6);  // 64 does not fit: written as 0
    put_bits(x >> trailing, significant);
}

void XorAppender::append(int64_t t, double value) {
    auto bits = std::bit_cast<uint64_t>(value);
    uint16_t n = samples();
    // Differences wrap like two's complement: hostile timestamps must not be undefined behaviour.
    auto delta = static_cast<uint64_t>(t) - static_cast<uint64_t>(t_);
    if (n == 0) {
        put_uvarint(static_cast<uint64_t>(t) << 1 ^ static_cast<uint64_t>(t >> 63));
        put_bits(bits, 64);
        v_ = bits;
    } else if (n == 1) {
        put_uvarint(delta);
        delta_ = delta;
        put_value(bits);
    } else {
        auto dod = static_cast<int64_t>(delta - delta_);
        if (dod == 0) {
            put_bit(false);
        } else if (fits(dod, 14)) {
            put_bits(0b10, 2);
            put_bits(static_cast<uint64_t>(dod), 14);
        } else if (fits(dod, 17)) {
            put_bits(0b110, 3);
            put_bits(static_cast<uint64_t>(dod), 17);
        } else if (fits(dod, 20)) {
            put_bits(0b1110, 4);
            put_bits(static_cast<uint64_t>(dod), 20);
        } else {
            put_bits(0b1111, 4);
            put_bits(static_cast<uint64_t>(dod), 64);
        }
        delta_ = delta;
        put_value(bits);
    }
    t_ = t;
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
