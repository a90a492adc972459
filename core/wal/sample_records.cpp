#include "wal/sample_records.h"

namespace narthex {

namespace {

// A record is decoded as a whole: this keeps floats at about a megabyte, and so does kMaxBytes histograms.
constexpr size_t kMaxSamples = 1 << 16;
constexpr size_t kMaxBytes = 1 << 20;

}  // namespace

SampleRecords::SampleRecords(WalWriter& out, bool start_times)
    : out_(out),
      start_times_(start_times),
      floats_(0),
      histograms_{HistogramsRecord(histogram_record(false, false, start_times)),
                  HistogramsRecord(histogram_record(false, true, start_times)),
                  HistogramsRecord(histogram_record(true, false, start_times)),
                  HistogramsRecord(histogram_record(true, true, start_times))} {}

void SampleRecords::keep_order(uint64_t ref, unsigned place) {
    if (++samples_ > kMaxSamples) flush();
    if (place == 0 && place_.empty()) return;
    auto known = place_.find(ref);
    if (known != place_.end() && known->second != place) {
        flush();
        known = place_.end();
    }
    if (place != 0 && known == place_.end()) place_.emplace(ref, place);
}

void SampleRecords::add(uint64_t ref, int64_t t, int64_t start, uint64_t bits) {
    keep_order(ref, 0);
    if (start_times_) {
        floats_v2_.add(ref, t, bits, start);
    } else {
        floats_.add(ref, t, bits);
    }
}

void SampleRecords::add(uint64_t ref, int64_t t, int64_t start, const HistogramView& value) {
    unsigned place = value.floats * 2u + (value.layout->schema == kCustomBuckets);
    keep_order(ref, place + 1);
    histograms_[place].add(ref, t, start, value);
    if (histograms_[place].bytes().size() > kMaxBytes) flush();
}

void SampleRecords::flush() {
    if (!floats_.empty()) out_.record(floats_.bytes());
    if (!floats_v2_.empty()) out_.record(floats_v2_.bytes());
    floats_ = SamplesRecord(0);
    floats_v2_ = {};
    for (HistogramsRecord& record : histograms_) {
        if (!record.empty()) out_.record(record.bytes());
        record.clear();
    }
    place_.clear();
    samples_ = 0;
}

}  // namespace narthex
