// Bounded reading of protobuf's wire format (https://protobuf.dev/programming-guides/encoding). A message is
// walked field by field and nothing is built: what a field means, and how deep messages nest, is up to the
// caller's code, never to the input. Groups are refused, as proto3 has none.
//
//     ProtoReader in(bytes);
//     while (in.next()) {
//         switch (in.field()) {
//             case 1: name = in.string(); break;
//             case 2: in.each_double([&](double v) { values.push_back(v); }); break;
//             case 3: read_child(in.message()); break;
//             default: in.skip();
//         }
//     }
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "bytes/error.h"

namespace narthex {

static_assert(std::endian::native == std::endian::little, "fixed fields are read as they lie");

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// A cursor over one message; it owns nothing, and the bytes must outlive it and every view it returns. After
// next() gave true exactly one of the reading calls takes the field's value; one that does not fit the wire
// type throws DecodeError, as everything malformed does. Offsets count from the start of the outermost
// message.
class ProtoReader {
  public:
    explicit ProtoReader(std::span<const uint8_t> message) : ProtoReader(message, message.data()) {}
    // The same for a message inside the one that begins at `origin`.
    ProtoReader(std::span<const uint8_t> message, const uint8_t* origin)
        : p_(message.data()), end_(message.data() + message.size()), origin_(origin) {}

    // Whether there is one more field.
    bool next() {
        if (p_ == end_) return false;
        uint64_t tag = read_varint();
        field_ = static_cast<uint32_t>(tag >> 3);
        type_ = static_cast<WireType>(tag & 7);
        if (tag >> 32 != 0 || field_ == 0) fail("bad protobuf field number");
        return true;
    }
    uint32_t field() const { return field_; }
    WireType type() const { return type_; }
    size_t offset() const { return static_cast<size_t>(p_ - origin_); }

    // Scalars. The 32-bit kinds keep the low bits of what was sent, as protobuf's own runtimes do.
    uint64_t uint64() {
        expect(WireType::kVarint);
        return read_varint();
    }
    int64_t int64() { return static_cast<int64_t>(uint64()); }
    uint32_t uint32() { return static_cast<uint32_t>(uint64()); }
    int32_t int32() { return static_cast<int32_t>(uint64()); }
    int64_t sint64() { return unzigzag(uint64()); }
    int32_t sint32() { return static_cast<int32_t>(unzigzag(uint32())); }
    bool boolean() { return uint64() != 0; }
    uint64_t fixed64() {
        expect(WireType::kFixed64);
        return read_fixed<uint64_t>();
    }
    int64_t sfixed64() { return static_cast<int64_t>(fixed64()); }
    uint32_t fixed32() {
        expect(WireType::kFixed32);
        return read_fixed<uint32_t>();
    }
    double float64() { return std::bit_cast<double>(fixed64()); }
    float float32() { return std::bit_cast<float>(fixed32()); }

    // Views into the message. UTF-8 is not checked.
    std::span<const uint8_t> bytes() {
        expect(WireType::kBytes);
        uint64_t n = read_varint();
        if (n > static_cast<size_t>(end_ - p_)) fail("protobuf field runs past the end of its message");
        std::span<const uint8_t> view(p_, static_cast<size_t>(n));
        p_ += n;
        return view;
    }
    std::string_view string() {
        std::span<const uint8_t> view = bytes();
        return {reinterpret_cast<const char*>(view.data()), view.size()};
    }
    ProtoReader message() { return {bytes(), origin_}; }

    // use(value) for each value of one occurrence of a repeated scalar, packed or not. Each value takes at
    // least one byte, so there are never more values than bytes.
    template <typename Use>
    void each_uint64(Use&& use) {
        each(WireType::kVarint, use, [](ProtoReader& in) { return in.read_varint(); });
    }
    template <typename Use>
    void each_uint32(Use&& use) {
        each_uint64([&](uint64_t v) { use(static_cast<uint32_t>(v)); });
    }
    template <typename Use>
    void each_sint64(Use&& use) {
        each_uint64([&](uint64_t v) { use(unzigzag(v)); });
    }
    template <typename Use>
    void each_fixed64(Use&& use) {
        each(WireType::kFixed64, use, [](ProtoReader& in) { return in.read_fixed<uint64_t>(); });
    }
    template <typename Use>
    void each_double(Use&& use) {
        each_fixed64([&](uint64_t v) { use(std::bit_cast<double>(v)); });
    }

    // Passes over a field that is of no interest.
    void skip() {
        switch (type_) {
            case WireType::kVarint:
                read_varint();
                return;
            case WireType::kFixed64:
                read_fixed<uint64_t>();
                return;
            case WireType::kBytes:
                bytes();
                return;
            case WireType::kFixed32:
                read_fixed<uint32_t>();
                return;
        }
        fail("protobuf group or unknown wire type");
    }

    [[noreturn]] void fail(const std::string& what) const { throw DecodeError(what, offset()); }

  private:
    void expect(WireType type) const {
        if (type_ != type) fail("protobuf field " + std::to_string(field_) + " has the wrong wire type");
    }

    static int64_t unzigzag(uint64_t v) { return static_cast<int64_t>(v >> 1 ^ (~(v & 1) + 1)); }

    uint64_t read_varint() {
        if (p_ != end_ && *p_ < 0x80) return *p_++;
        uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            if (p_ == end_) fail("protobuf message ends in a varint");
            uint8_t b = *p_++;
            if (shift == 63 && b > 1) break;
            value |= static_cast<uint64_t>(b & 0x7f) << shift;
            if (b < 0x80) return value;
        }
        fail("protobuf varint overflows 64 bits");
    }

    template <typename T>
    T read_fixed() {
        if (static_cast<size_t>(end_ - p_) < sizeof(T)) fail("protobuf message ends in a fixed field");
        T value;
        std::memcpy(&value, p_, sizeof(T));
        p_ += sizeof(T);
        return value;
    }

    template <typename Use, typename Read>
    void each(WireType single, Use&& use, Read&& read) {
        if (type_ == single) {
            use(read(*this));
            return;
        }
        ProtoReader packed = message();
        while (packed.p_ != packed.end_) use(read(packed));
    }

    const uint8_t* p_;
    const uint8_t* end_;
    const uint8_t* origin_;
    uint32_t field_ = 0;
    WireType type_ = WireType::kVarint;
};

}  // namespace narthex
