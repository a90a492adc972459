// What a ScrapeCache keeps of a protobuf body in place of lines of text: a key an entry.
//
//     family   type, name and unit
//     help     serial of its family, the text
//     head     of a metric: serial of its family, which series it is, the label bytes as they came
//     member   any further series of the metric: serial of its head, which series it is
//
// A serial stands for the entry that a key hangs on, so long names and labels are kept and compared once.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "bytes/protobuf.h"
#include "text/metadata_line.h"

namespace narthex {

enum class ProtobufKey : char { kFamily = 1, kHelp = 2, kHead = 3, kMember = 4 };

// Which series of a metric.
enum class Member : char { kValue, kCount, kSum, kBucket, kQuantile, kHistogram };

// No line of text begins with such a byte.
inline bool is_protobuf_key(std::string_view text) {
    return !text.empty() && text[0] >= 1 && text[0] <= 4;
}

// Fixed bytes in front of a key's texts. `number` is the bound of a bucket or a quantile.
class KeyHeader {
  public:
    static KeyHeader family(MetricType type, size_t name) {
        return {ProtobufKey::kFamily, static_cast<char>(type), 0, name};
    }
    static KeyHeader help(uint64_t family) { return {ProtobufKey::kHelp, 0, 0, family}; }
    static KeyHeader head(Member member, uint64_t family) {
        return {ProtobufKey::kHead, static_cast<char>(member), 0, family};
    }
    static KeyHeader member(Member member, double number, uint64_t head) {
        return {ProtobufKey::kMember, static_cast<char>(member), std::bit_cast<uint64_t>(number), head};
    }
    // Of a key that one of these made.
    static KeyHeader of(std::string_view key) {
        KeyHeader h;
        std::memcpy(h.bytes_, key.data(), kSize);
        return h;
    }

    std::string_view bytes() const { return {bytes_, kSize}; }
    ProtobufKey key() const { return static_cast<ProtobufKey>(bytes_[0]); }
    Member member() const { return static_cast<Member>(bytes_[1]); }
    MetricType type() const { return static_cast<MetricType>(bytes_[1]); }
    double number() const { return std::bit_cast<double>(word(2)); }
    uint64_t name_size() const { return word(10); }

    static constexpr size_t kSize = 18;

  private:
    KeyHeader() = default;
    KeyHeader(ProtobufKey key, char what, uint64_t number, uint64_t serial) {
        bytes_[0] = static_cast<char>(key);
        bytes_[1] = what;
        std::memcpy(bytes_ + 2, &number, 8);
        std::memcpy(bytes_ + 10, &serial, 8);
    }
    uint64_t word(size_t at) const {
        uint64_t v;
        std::memcpy(&v, bytes_ + at, 8);
        return v;
    }

    char bytes_[kSize];
};

// What is wrong with the LabelPair fields of a metric that has these names already (__name__, and le or
// quantile where a series of it has one); empty when nothing is.
std::string label_problem(std::span<const uint8_t> labels, std::string_view more);

// Name and value of a LabelPair message. Throws DecodeError.
inline std::pair<std::string_view, std::string_view> read_label(ProtoReader in) {
    std::pair<std::string_view, std::string_view> pair;
    while (in.next()) {
        switch (in.field()) {
            case 1:
                pair.first = in.string();
                break;
            case 2:
                pair.second = in.string();
                break;
            default:
                in.skip();
        }
    }
    return pair;
}

// use(name, value) for each LabelPair field in `labels`. Throws DecodeError.
template <typename Use>
void each_label(std::span<const uint8_t> labels, Use&& use) {
    ProtoReader in(labels);
    while (in.next()) {
        auto [name, value] = read_label(in.message());
        use(name, value);
    }
}

}  // namespace narthex
