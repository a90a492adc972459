// The samples of a commit as records: as few as possible, and in an order in which each series gets its own
// samples as they came.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "wal/histogram_records.h"
#include "wal/pages.h"

namespace narthex {

class SampleRecords {
  public:
    // `start_times`: write records of the second version, which old readers do not know.
    SampleRecords(WalWriter& out, bool start_times);

    void add(uint64_t ref, int64_t t, int64_t start, uint64_t bits);
    void add(uint64_t ref, int64_t t, int64_t start, const HistogramView& value);
    // Writes what is left.
    void flush();

  private:
    // Records are written floats first, then histograms in the order of their types: whatever a series got
    // before that would come out of order is written first.
    void keep_order(uint64_t ref, unsigned place);

    WalWriter& out_;
    bool start_times_;
    SamplesRecord floats_;
    SamplesV2Record floats_v2_;
    HistogramsRecord histograms_[4];
    std::unordered_map<uint64_t, unsigned> place_;  // of series with histograms
    size_t samples_ = 0;
};

}  // namespace narthex
