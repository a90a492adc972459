// Chunks read from head chunk files that wait, during a replay, for their series and for their turn in time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "head/closed_chunks.h"
#include "head/series.h"

namespace narthex {

// What a head chunk file held. `good_end` < its length with a `fault` means that it is damaged from there on.
struct HeadChunkCounts {
    uint64_t chunks = 0;
    uint64_t out_of_order = 0;  // passed over
    uint64_t old = 0;           // ended before the head's min valid time
    uint64_t overlapping = 0;   // not after the chunks of their series before them: left out
    uint64_t unusable = 0;      // unknown encodings, impossible bounds: left out
    size_t good_end = 0;
    std::string fault;
};

class PendingChunks {
  public:
    explicit PendingChunks(ClosedChunks& closed) : closed_(closed) {}

    // Reads a mapped file; files come in order of their number. Chunks before min_valid_time are passed over,
    // and out-of-order ones, whose samples come from the log of those.
    HeadChunkCounts load(uint32_t file, std::shared_ptr<const void> owner, std::span<const uint8_t> bytes,
                         int64_t min_valid_time);
    // The chunks of `ref` belong to the series in `slot`. Those that overlap what it has already are
    // forgotten.
    void claim(uint64_t ref, uint32_t slot);
    // The oldest chunk that waits for its turn in `slot`, kNoChunk: none. They do not overlap.
    uint32_t next(uint32_t slot) const { return slot < by_slot_.size() ? by_slot_[slot] : kNoChunk; }
    // Takes it off the queue.
    void advance(uint32_t slot) { by_slot_[slot] = closed_[by_slot_[slot]].older; }
    // Forgets chunks that no series claimed; gives how many. Nothing may be loaded afterwards.
    size_t finish();
    // The largest reference seen, of chunks that were left out, too.
    uint64_t last_ref() const { return last_ref_; }

  private:
    uint32_t oldest_first(uint32_t chain);
    uint32_t merge(uint32_t a, uint32_t b);

    ClosedChunks& closed_;
    RefMap newest_;               // reference to its newest chunk
    std::vector<uint64_t> refs_;  // those that have any
    std::vector<uint32_t> pages_;
    uint64_t last_ref_ = 0;
    std::vector<uint32_t> by_slot_;  // oldest first, chained by `older`
};

}  // namespace narthex
