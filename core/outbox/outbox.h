// What one remote-write endpoint is still to get: the records of a log become entries in shards, entries
// become requests, and the outbox knows from which place of the log on something is not acknowledged yet.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "outbox/entry.h"
#include "outbox/request.h"
#include "outbox/series_names.h"
#include "wal/pages.h"

namespace narthex {

// Between two records: a segment and a byte in it.
struct LogPlace {
    uint64_t segment = 0, offset = 0;
};

struct OutboxOptions {
    bool second_version = false;  // of the protocol
    bool exemplars = false;
    bool histograms = false;
    bool relabel = false;  // labels of new series wait for `names().decide`
};

struct OutboxCounts {
    uint64_t taken[3] = {};  // into shards, by EntryKind
    uint64_t relabelled_away[3] = {};
    uint64_t unknown[3] = {};  // of series that the log did not introduce
    uint64_t too_old[3] = {};
    uint64_t custom_buckets = 0;  // histograms that the first version has no fields for
    uint64_t faults = 0;          // damaged places and records
    uint64_t records[14] = {};    // by type; 0: unknown types
    int64_t newest = 0;           // milliseconds, of what was taken
};

class Outbox;

// Entries of one shard on their way. Used by one thread at a time.
class OutboxBatch {
  public:
    ~OutboxBatch();
    OutboxBatch(const OutboxBatch&) = delete;
    OutboxBatch& operator=(const OutboxBatch&) = delete;

    // The request, compressed with snappy.
    std::vector<uint8_t> encode() const;
    // Takes entries older than `t` out; counts how many of each kind.
    void drop_older(int64_t t, uint64_t (&dropped)[3]);
    // Takes the second half out; nullptr when there is one entry at most.
    std::unique_ptr<OutboxBatch> split();
    size_t size() const { return entries_.size(); }
    size_t count(EntryKind kind) const;
    int64_t newest() const;
    uint64_t first_mark() const { return entries_.empty() ? UINT64_MAX : entries_.front().mark; }
    std::span<const Entry> entries() const { return entries_; }

  private:
    friend class Outbox;
    OutboxBatch(Outbox& owner, std::vector<Entry> entries);

    Outbox& owner_;
    std::vector<Entry> entries_;
};

// Safe for concurrent use.
class Outbox {
  public:
    Outbox(OutboxOptions options, OwnedLabels external, size_t shards);

    enum class Stop : uint8_t { kEnd, kFull, kUndecided, kFault };
    struct Reading {
        Stop stop;
        size_t end;  // bytes of the piece that are done with
    };
    struct Piece {
        std::span<const uint8_t> bytes;  // from a page border of the segment on
        size_t start;                    // where the first record begins in it
        LogPlace place;                  // of the first byte
        bool complete;                   // nothing will follow: damage is counted and passed over
    };
    // Takes records until the piece ends, a shard has `capacity` entries, new series wait for `decide`, or
    // bytes are no record (yet). `series_only`: samples are passed over. Samples before `mint` are dropped.
    Reading read(const Piece& piece, bool series_only, size_t capacity, int64_t mint,
                 const ZstdDecoder& zstd);

    std::vector<OwnedLabels> undecided() const;
    void decide(std::span<const std::optional<OwnedLabels>> labels);

    // At most `most` entries of a shard, and in the second version the exemplars that wait for samples among
    // them; nullptr when it has none.
    std::unique_ptr<OutboxBatch> take(size_t shard, size_t most);
    std::vector<size_t> pending() const;
    // Entries that wait or are on their way, by EntryKind.
    std::vector<uint64_t> unsent() const;
    // Spreads what waits over another number of shards. Nothing may be on its way.
    void reshard(size_t shards);
    // From where the log is to be read again so that nothing is lost.
    LogPlace acknowledged() const;
    void forget_before(uint64_t segment);
    size_t series() const;
    OutboxCounts counts() const;

  private:
    friend class OutboxBatch;
    using Bytes = std::span<const uint8_t>;

    bool record(Bytes record, uint64_t segment, bool series_only, int64_t mint);
    void put(uint64_t ref, Entry entry, int64_t mint);
    bool full(size_t capacity) const;
    static void take_exemplars(std::deque<Entry>& from, std::vector<Entry>& entries);

    mutable std::mutex mutex_;
    OutboxOptions options_;
    SeriesNames names_;
    std::vector<std::deque<Entry>> shards_;
    std::set<OutboxBatch*> on_their_way_;
    uint64_t mark_ = 0;  // of the record that is read
    struct Mark {
        uint64_t mark;
        LogPlace place;
    };
    mutable std::deque<Mark> marks_;  // of records that something unsent came from, ascending
    LogPlace read_;                   // up to where the log was read
    OutboxCounts counts_;
};

}  // namespace narthex
