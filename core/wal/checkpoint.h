// What a checkpoint keeps of old segments.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "head/series.h"
#include "wal/pages.h"

namespace narthex {

struct CheckpointCounts {
    uint64_t kept_series = 0, dropped_series = 0;
    uint64_t kept_samples = 0, dropped_samples = 0;
    uint64_t dropped_records = 0;  // of types that are not understood
    uint64_t faults = 0;
    std::string fault;  // the first one
};

// Feed old checkpoint and segments in order, take framed bytes whenever convenient, finish() once at the end.
// Kept are: series in `refs`; samples, histograms and exemplars of any series at or after mint, and
// tombstones that reach it; the newest metadata of kept series.
class Checkpoint {
  public:
    Checkpoint(std::span<const uint64_t> refs, int64_t mint, WalCompression compression = {});

    // Takes what is sound, before and behind damage.
    void segment(std::span<const uint8_t> bytes, const ZstdDecoder& zstd);
    void finish();
    // The bytes since the last call. They continue a segment that is `position` bytes long.
    std::vector<uint8_t> take();
    // Zeros to the end of the page: call before the output goes on in a new file.
    void fill_page() { out_.fill_page(); }
    const CheckpointCounts& counts() const { return counts_; }

  private:
    void record(std::span<const uint8_t> record);
    void metadata(std::span<const uint8_t> body);
    bool keep_sample(int64_t t);
    bool keep(uint64_t ref) { return refs_.find(ref, cursor_) != RefMap::kNone; }

    RefMap refs_;
    RefMap::Cursor cursor_;
    int64_t mint_;
    WalWriter out_;
    std::map<uint64_t, std::vector<uint8_t>> metadata_;  // one-entry record a series
    CheckpointCounts counts_;
};

}  // namespace narthex
