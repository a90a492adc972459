// Writing protobuf's wire format (https://protobuf.dev/programming-guides/encoding) to a byte vector. Scalars
// of value 0 and empty strings are written too: whether a field is left out is up to the caller.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace narthex {

class ProtoWriter {
  public:
    explicit ProtoWriter(std::vector<uint8_t>& out) : out_(out) {}

    void uint64(uint32_t field, uint64_t v) {
        tag(field, 0);
        varint(v);
    }
    void int64(uint32_t field, int64_t v) { uint64(field, static_cast<uint64_t>(v)); }
    void sint64(uint32_t field, int64_t v) { uint64(field, zigzag(v)); }
    void fixed64(uint32_t field, uint64_t bits) {
        tag(field, 1);
        size_t at = out_.size();
        out_.resize(at + 8);
        std::memcpy(out_.data() + at, &bits, 8);
    }
    void float64(uint32_t field, double v) { fixed64(field, std::bit_cast<uint64_t>(v)); }
    void string(uint32_t field, std::string_view s) {
        tag(field, 2);
        varint(s.size());
        out_.insert(out_.end(), s.begin(), s.end());
    }
    void bytes(uint32_t field, std::span<const uint8_t> b) {
        string(field, {reinterpret_cast<const char*>(b.data()), b.size()});
    }

    // Fields that are written already.
    void raw(std::span<const uint8_t> fields) { out_.insert(out_.end(), fields.begin(), fields.end()); }

    // What `fill` writes becomes a length-delimited field: a message or packed numbers.
    template <typename Fill>
    void nested(uint32_t field, Fill&& fill) {
        tag(field, 2);
        size_t at = out_.size();
        out_.push_back(0);
        fill();
        size_t length = out_.size() - at - 1;
        uint8_t head[10];
        size_t n = put(head, length);
        if (n > 1) out_.insert(out_.begin() + static_cast<ptrdiff_t>(at), n - 1, 0);
        std::memcpy(out_.data() + at, head, n);
    }
    // Parts of packed fields.
    void packed(uint64_t v) { varint(v); }
    void packed_signed(int64_t v) { varint(zigzag(v)); }
    void packed_double(double v) {
        size_t at = out_.size();
        out_.resize(at + 8);
        std::memcpy(out_.data() + at, &v, 8);
    }

  private:
    static_assert(std::endian::native == std::endian::little, "fixed fields are written as they lie");

    static uint64_t zigzag(int64_t v) {
        return static_cast<uint64_t>(v) << 1 ^ static_cast<uint64_t>(v >> 63);
    }
    static size_t put(uint8_t* p, uint64_t v) {
        size_t n = 0;
        for (; v >= 0x80; v >>= 7) p[n++] = static_cast<uint8_t>(v | 0x80);
        p[n++] = static_cast<uint8_t>(v);
        return n;
    }
    void varint(uint64_t v) {
        uint8_t b[10];
        out_.insert(out_.end(), b, b + put(b, v));
    }
    void tag(uint32_t field, uint32_t wire) { varint(field << 3 | wire); }

    std::vector<uint8_t>& out_;
};

}  // namespace narthex
