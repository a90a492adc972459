// Filling a head from its chunk files and its log, a file a call.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "head/head.h"
#include "head/pending_chunks.h"
#include "wal/pages.h"

namespace narthex {

// What a segment held. Where it is damaged, `good_end` and `fault` tell of the first place; what lies behind
// it was read as well.
struct ReplayCounts {
    uint64_t records = 0;
    uint64_t series = 0;
    uint64_t samples = 0;         // applied floats
    uint64_t histograms = 0;      // applied
    uint64_t old_samples = 0;     // before the head's min valid time, or already there
    uint64_t unknown_refs = 0;    // samples of series that no record names
    uint64_t invalid_series = 0;  // label sets that no writer should have written
    uint64_t tombstones = 0;
    uint64_t skipped_records = 0;     // types that the head does not keep: exemplars, metadata, unknown
    uint64_t invalid_histograms = 0;  // of unknown schemas, or that make no sense
    uint64_t unknown_records = 0;     // of types that no version writes
    uint64_t faults = 0;
    size_t good_end = 0;
    std::string fault;
};

// First all chunk files, then the segments, then finish(). Samples that chunks hold are skipped in the log;
// where a series lacks a chunk, its samples come from the log.
class HeadReplay {
  public:
    explicit HeadReplay(std::shared_ptr<Head> head) : head_(std::move(head)), pending_(head_->closed_) {}

    // A head chunk file, in order of their numbers. Damage is reported, the sound chunks before it count.
    HeadChunkCounts chunk_file(uint32_t number, std::shared_ptr<const void> owner,
                               std::span<const uint8_t> bytes);
    // References are kept as the log has them. A record that does not decode is a fault like a bad checksum:
    // the entries before it count. Reading goes on behind a fault. `sound`, when given, gets the records
    // without fault: what a damaged segment is to be replaced with.
    ReplayCounts segment(std::span<const uint8_t> bytes, const ZstdDecoder& zstd, WalWriter* sound = nullptr);
    // Gives the number of chunks of series that no record names; they are forgotten.
    uint64_t finish();

  private:
    void record(std::span<const uint8_t> record, ReplayCounts& counts);
    void series(uint64_t ref, std::span<const TextPair> labels, ReplayCounts& counts);
    void sample(uint64_t ref, int64_t t, uint64_t bits, ReplayCounts& counts);
    Series* series_for(uint64_t ref, int64_t t, ReplayCounts& counts);
    void take_chunks(Series& s, uint32_t slot, int64_t t);
    void restore_value(Series& s);

    std::shared_ptr<Head> head_;
    PendingChunks pending_;
    RefMap::Cursor cursor_;
};

}  // namespace narthex
