// What a head holds beside its chunk files, as records that spare the next start most of the log. Format:
// docs/formats/snapshot.md.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "head/head.h"
#include "wal/pages.h"

namespace narthex {

// Writes a snapshot of a head that nobody appends to, some series at a time. All its closed chunks must be in
// files.
class HeadSnapshot {
  public:
    explicit HeadSnapshot(std::shared_ptr<const Head> head) : head_(std::move(head)), out_(0) {}

    // Adds records of the next few thousand series; false once all is written.
    bool step();
    // The bytes since the last call.
    std::vector<uint8_t> take() { return std::exchange(out_.bytes(), {}); }
    // Zeros to the end of the page: call before the output goes on in a new file.
    void fill_page() { out_.fill_page(); }
    uint64_t series() const { return series_; }

  private:
    void exemplar_records();
    void series_record(const Series& s, ByteWriter& record) const;
    void tombstones_record();

    std::shared_ptr<const Head> head_;
    WalWriter out_;
    size_t next_ = 0;
    uint64_t series_ = 0;
    bool done_ = false;
};

// One series of a snapshot. The views hold as long as the record.
struct SnapshotSeries {
    uint64_t ref = 0;
    std::vector<TextPair> labels;
    uint8_t encoding = 0;  // 0: no open chunk
    std::span<const uint8_t> chunk;
};

enum class SnapshotRecord : uint8_t { kSeries = 1, kTombstones = 2, kExemplars = 3 };

// `body` is a record without its type byte. Throws DecodeError.
void decode_snapshot_series(std::span<const uint8_t> body, SnapshotSeries& out);
// (reference, deleted interval). Throws DecodeError.
std::vector<std::pair<uint64_t, Interval>> decode_snapshot_tombstones(std::span<const uint8_t> body);

}  // namespace narthex
