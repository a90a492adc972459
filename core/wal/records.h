// The records inside the log: encoding and bounded decoding. Format: docs/formats/wal.md.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bytes/reader.h"
#include "bytes/writer.h"

namespace narthex {

enum class WalRecord : uint8_t {
    kSeries = 1,
    kSamples = 2,
    kTombstones = 3,
    kExemplars = 4,
    kMmapMarkers = 5,
    kMetadata = 6,
    kHistograms = 7,
    kFloatHistograms = 8,
    kCustomHistograms = 9,
    kCustomFloatHistograms = 10,
    kSamplesV2 = 11,
    kHistogramsV2 = 12,
    kFloatHistogramsV2 = 13,
};
inline constexpr uint8_t kLastWalRecord = 13;  // of the types that any version of Prometheus writes

using TextPair = std::pair<std::string_view, std::string_view>;

// Decoders call `use` for each entry, in order. They throw DecodeError on malformed bytes; entries before the
// fault have been given out by then. `body` is the record without its type byte.

// Labels of one entry, read into `out`.
inline void read_labels(ByteReader& in, std::vector<TextPair>& out) {
    uint64_t n = in.uvarint();
    if (n > in.remaining() / 2) in.fail("label count is over its record");
    out.clear();
    for (uint64_t i = 0; i < n; ++i) {
        std::string_view name = in.string();
        out.emplace_back(name, in.string());
    }
}

// use(ref, span of label pairs in the order of the record)
template <typename Use>
void decode_series(std::span<const uint8_t> body, Use&& use) {
    ByteReader in(body, 1);
    std::vector<TextPair> pairs;
    while (!in.empty()) {
        uint64_t ref = in.be64();
        read_labels(in, pairs);
        use(ref, std::span<const TextPair>(pairs));
    }
}

// use(ref, t, value bits)
template <typename Use>
void decode_samples(std::span<const uint8_t> body, Use&& use) {
    if (body.empty()) return;
    ByteReader in(body, 1);
    uint64_t base_ref = in.be64();
    uint64_t base_t = in.be64();
    while (!in.empty()) {
        uint64_t ref = base_ref + static_cast<uint64_t>(in.varint());
        uint64_t t = base_t + static_cast<uint64_t>(in.varint());
        use(ref, static_cast<int64_t>(t), in.be64());
    }
}

// What precedes the value of an entry in records of the second version (types 11 to 13).
struct SampleHeads {
    uint64_t ref = 0, t = 0;
    int64_t start = 0;  // 0: unknown

    void next(ByteReader& in) {
        if (first_) {
            ref = static_cast<uint64_t>(in.varint());
            t = base_t_ = static_cast<uint64_t>(in.varint());
            start = base_start_ = in.varint();
            first_ = false;
            return;
        }
        ref += static_cast<uint64_t>(in.varint());
        t = base_t_ + static_cast<uint64_t>(in.varint());
        uint8_t mark = in.u8();
        if (mark > 2) in.fail("unknown start-timestamp marker");
        if (mark == 0) start = 0;
        if (mark == 2)
            start =
                static_cast<int64_t>(static_cast<uint64_t>(base_start_) + static_cast<uint64_t>(in.varint()));
    }

  private:
    bool first_ = true;
    uint64_t base_t_ = 0;
    int64_t base_start_ = 0;
};

// use(ref, t, value bits, start time or 0)
template <typename Use>
void decode_samples_v2(std::span<const uint8_t> body, Use&& use) {
    ByteReader in(body, 1);
    SampleHeads heads;
    while (!in.empty()) {
        heads.next(in);
        use(heads.ref, static_cast<int64_t>(heads.t), in.be64(), heads.start);
    }
}

// use(ref, mint, maxt), bounds inclusive
template <typename Use>
void decode_tombstones(std::span<const uint8_t> body, Use&& use) {
    ByteReader in(body, 1);
    while (!in.empty()) {
        uint64_t ref = in.be64();
        int64_t mint = in.varint();
        use(ref, mint, in.varint());
    }
}

// use(ref, reference of the chunk in the mapped files)
template <typename Use>
void decode_markers(std::span<const uint8_t> body, Use&& use) {
    ByteReader in(body, 1);
    while (!in.empty()) {
        uint64_t ref = in.be64();
        use(ref, in.be64());
    }
}

// use(ref, t, value bits, exemplar labels)
template <typename Use>
void decode_exemplars(std::span<const uint8_t> body, Use&& use) {
    if (body.empty()) return;
    ByteReader in(body, 1);
    uint64_t base_ref = in.be64();
    uint64_t base_t = in.be64();
    std::vector<TextPair> pairs;
    while (!in.empty()) {
        uint64_t ref = base_ref + static_cast<uint64_t>(in.varint());
        uint64_t t = base_t + static_cast<uint64_t>(in.varint());
        uint64_t bits = in.be64();
        read_labels(in, pairs);
        use(ref, static_cast<int64_t>(t), bits, std::span<const TextPair>(pairs));
    }
}

// use(ref, type number, fields such as UNIT and HELP)
template <typename Use>
void decode_metadata(std::span<const uint8_t> body, Use&& use) {
    ByteReader in(body, 1);
    std::vector<TextPair> fields;
    while (!in.empty()) {
        uint64_t ref = in.uvarint();
        uint8_t type = in.u8();
        read_labels(in, fields);
        use(ref, type, std::span<const TextPair>(fields));
    }
}

// Builders of records. A record with no entry is not worth writing: see empty().

class SeriesRecord {
  public:
    SeriesRecord() { out_.u8(static_cast<uint8_t>(WalRecord::kSeries)); }
    void begin(uint64_t ref, size_t labels) {
        out_.be64(ref);
        out_.uvarint(labels);
    }
    void label(std::string_view name, std::string_view value) {
        out_.string(name);
        out_.string(value);
    }
    bool empty() const { return out_.size() == 1; }
    std::span<const uint8_t> bytes() const { return out_.buffer(); }

  private:
    ByteWriter out_;
};

class SamplesRecord {
  public:
    // `expected` samples are made room for.
    explicit SamplesRecord(size_t expected) { out_.reserve(32 + 16 * expected); }
    void add(uint64_t ref, int64_t t, uint64_t bits);
    bool empty() const { return out_.empty(); }
    std::span<const uint8_t> bytes() const { return out_; }

  private:
    std::vector<uint8_t> out_;
    uint64_t base_ref_ = 0;
    int64_t base_t_ = 0;
};

// Writes what SampleHeads reads.
class SampleHeadWriter {
  public:
    void put(ByteWriter& out, uint64_t ref, int64_t t, int64_t start);

  private:
    bool first_ = true;
    uint64_t ref_ = 0;
    int64_t base_t_ = 0, base_start_ = 0, start_ = 0;
};

// Samples with start times.
class SamplesV2Record {
  public:
    void add(uint64_t ref, int64_t t, uint64_t bits, int64_t start) {
        if (empty()) out_.u8(static_cast<uint8_t>(WalRecord::kSamplesV2));
        heads_.put(out_, ref, t, start);
        out_.be64(bits);
    }
    bool empty() const { return out_.size() == 0; }
    std::span<const uint8_t> bytes() const { return out_.buffer(); }

  private:
    ByteWriter out_;
    SampleHeadWriter heads_;
};

class TombstonesRecord {
  public:
    TombstonesRecord() { out_.u8(static_cast<uint8_t>(WalRecord::kTombstones)); }
    void add(uint64_t ref, int64_t mint, int64_t maxt) {
        out_.be64(ref);
        out_.varint(mint);
        out_.varint(maxt);
    }
    bool empty() const { return out_.size() == 1; }
    std::span<const uint8_t> bytes() const { return out_.buffer(); }

  private:
    ByteWriter out_;
};

class ExemplarsRecord {
  public:
    void add(uint64_t ref, int64_t t, uint64_t bits, std::span<const TextPair> labels);
    bool empty() const { return out_.size() == 0; }
    std::span<const uint8_t> bytes() const { return out_.buffer(); }

  private:
    ByteWriter out_;
    uint64_t base_ref_ = 0;
    int64_t base_t_ = 0;
};

class MetadataRecord {
  public:
    MetadataRecord() { out_.u8(static_cast<uint8_t>(WalRecord::kMetadata)); }
    void add(uint64_t ref, uint8_t type, std::span<const TextPair> fields);
    bool empty() const { return out_.size() == 1; }
    std::span<const uint8_t> bytes() const { return out_.buffer(); }

  private:
    ByteWriter out_;
};

}  // namespace narthex
