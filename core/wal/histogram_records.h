// The records of native histograms: types 7 to 10, 12 and 13. Format: docs/formats/wal.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bytes/reader.h"
#include "bytes/writer.h"
#include "chunk/histogram_columns.h"
#include "wal/records.h"

namespace narthex {

inline bool is_histogram_record(WalRecord type) {
    return (type >= WalRecord::kHistograms && type <= WalRecord::kCustomFloatHistograms) ||
           type == WalRecord::kHistogramsV2 || type == WalRecord::kFloatHistogramsV2;
}
// The record that a histogram goes into.
WalRecord histogram_record(bool floats, bool custom_buckets, bool start_times);

// Reads the values of histogram records, one after the other, into the same memory.
class HistogramReader {
  public:
    explicit HistogramReader(bool floats) { value_.floats = floats; }

    // Reads one value. false: its layout is none that we know or makes no sense, pass it over. Schemas above
    // kMaxSchema are reduced. Throws DecodeError when the record ends early.
    bool read(ByteReader& in);
    // What was read; valid until the next read.
    const HistogramView& value() const { return value_; }

  private:
    void read_spans(ByteReader& in, std::vector<BucketSpan>& out);
    void read_buckets(ByteReader& in);
    void reduce();

    HistogramLayout layout_;
    std::vector<HistogramCell> cells_;
    HistogramView value_{};
};

// use(ref, t, start time or 0, const HistogramView&), for each entry whose value makes sense; gives how many
// do not. Throws DecodeError on malformed bytes; entries before the fault have been given out by then.
template <typename Use>
uint64_t decode_histograms(WalRecord type, std::span<const uint8_t> body, Use&& use) {
    bool second = type == WalRecord::kHistogramsV2 || type == WalRecord::kFloatHistogramsV2;
    HistogramReader reader(type == WalRecord::kFloatHistograms || type == WalRecord::kCustomFloatHistograms ||
                           type == WalRecord::kFloatHistogramsV2);
    ByteReader in(body, 1);
    uint64_t skipped = 0;
    auto entry = [&](uint64_t ref, uint64_t t, int64_t start) {
        if (reader.read(in)) {
            use(ref, static_cast<int64_t>(t), start, reader.value());
        } else {
            ++skipped;
        }
    };
    if (in.empty()) return 0;
    if (second) {
        SampleHeads heads;
        while (!in.empty()) {
            heads.next(in);
            entry(heads.ref, heads.t, heads.start);
        }
        return skipped;
    }
    uint64_t base_ref = in.be64(), base_t = in.be64();
    while (!in.empty()) {
        uint64_t ref = base_ref + static_cast<uint64_t>(in.varint());
        uint64_t t = base_t + static_cast<uint64_t>(in.varint());
        entry(ref, t, 0);
    }
    return skipped;
}

// A value as the records have it.
void write_histogram(const HistogramView& h, ByteWriter& out);

// Builds a record of one type.
class HistogramsRecord {
  public:
    explicit HistogramsRecord(WalRecord type) : type_(type) {}
    // The value must be of the kind that the type says. Start times are kept by types 12 and 13 only.
    void add(uint64_t ref, int64_t t, int64_t start, const HistogramView& h);
    bool empty() const { return out_.size() == 0; }
    std::span<const uint8_t> bytes() const { return out_.buffer(); }
    WalRecord type() const { return type_; }
    void clear() { *this = HistogramsRecord(type_); }

  private:
    WalRecord type_;
    ByteWriter out_;
    uint64_t base_ref_ = 0;
    int64_t base_t_ = 0;
    SampleHeadWriter heads_;
};

}  // namespace narthex
