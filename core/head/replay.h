// Filling a head from its chunk files and its log, a file a call.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "head/head.h"
#include "head/pending_chunks.h"
#include "head/segment_replay.h"
#include "wal/pages.h"

namespace narthex {

// The log of all samples, and that of out-of-order samples.
enum class LogKind : uint8_t { kAll, kOutOfOrder };

// First all chunk files, then the segments, then finish(). Samples that chunks hold are skipped in the log;
// where a series lacks a chunk, its samples come from the log.
//
// The log of out-of-order samples is replayed by one of its own, after the other one's finish() and without
// chunk files: all samples are taken, whatever their time is; marks of mapped chunks change nothing.
// `old_samples` are then those that were there already.
class HeadReplay {
  public:
    explicit HeadReplay(std::shared_ptr<Head> head, LogKind kind = LogKind::kAll)
        : head_(std::move(head)), kind_(kind), pending_(head_->closed_) {}

    // A head chunk file, in order of their numbers. Damage is reported, the sound chunks before it count.
    HeadChunkCounts chunk_file(uint32_t number, std::shared_ptr<const void> owner,
                               std::span<const uint8_t> bytes);
    // References are kept as the log has them. A record that does not decode is a fault like a bad checksum:
    // the entries before it count. Reading goes on behind a fault. `sound`, when given, gets the records
    // without fault: what a damaged segment is to be replaced with.
    ReplayCounts segment(std::span<const uint8_t> bytes, const ZstdDecoder& zstd, WalWriter* sound = nullptr);
    // A segment of a snapshot, in place of the log before it. Ends at the first fault; what it gave by then
    // does not disturb a replay of the whole log.
    ReplayCounts snapshot(std::span<const uint8_t> bytes, const ZstdDecoder& zstd);
    // Gives the number of chunks of series that no record names; they are forgotten.
    uint64_t finish();

  private:
    void record(std::span<const uint8_t> record, ReplayCounts& counts);
    void out_of_order_record(std::span<const uint8_t> record, ReplayCounts& counts);
    void series(uint64_t ref, std::span<const TextPair> labels, ReplayCounts& counts);
    void snapshot_record(std::span<const uint8_t> record, ReplayCounts& counts);
    void open_chunk(uint64_t ref, uint8_t encoding, std::span<const uint8_t> chunk, ReplayCounts& counts);
    void sample(uint64_t ref, int64_t t, int64_t start, uint64_t bits, ReplayCounts& counts);
    void metadata(uint64_t ref, uint8_t type, std::span<const TextPair> fields);
    void exemplar(uint64_t ref, int64_t t, uint64_t bits, std::span<const TextPair> labels,
                  ReplayCounts& counts);
    Series* series_for(uint64_t ref, int64_t t, ReplayCounts& counts);
    void deletion(uint64_t ref, Interval interval, ReplayCounts& counts);
    void drop_series(Series& s, uint32_t slot);
    void take_chunks(Series& s, uint32_t slot, int64_t t);
    void restore_value(Series& s);

    std::shared_ptr<Head> head_;
    LogKind kind_;
    bool again_ = false;  // the segment has been applied before
    PendingChunks pending_;
    RefMap::Cursor cursor_;
};

}  // namespace narthex
