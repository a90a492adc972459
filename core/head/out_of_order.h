// Samples of a series that came after newer ones: an open chunk that takes them in any order, and closed
// chunks, which may overlap each other and those in order.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "chunk/histogram_columns.h"
#include "head/closed_chunks.h"

namespace narthex {

// Samples of an out-of-order chunk (Prometheus' default).
inline constexpr uint32_t kOutOfOrderCap = 32;

struct OutOfOrder {
    struct Sample {
        int64_t t;
        int64_t start;   // 0: unknown
        uint64_t value;  // bits of a float, or number of a histogram in `histograms`
        bool histogram;
    };
    std::vector<Sample> open;                      // ascending in t, no time twice
    std::unique_ptr<HistogramColumns> histograms;  // of the open chunk, as they came; nullptr: none
    uint32_t closed = kNoChunk;                    // in ClosedChunks, last closed first
    uint32_t fresh = 0;  // how many were closed since the last compaction of such chunks began

    bool empty() const { return open.empty() && closed == kNoChunk; }
    // Puts a sample in its place; false when the open chunk has one at that time.
    bool insert(int64_t t, int64_t start, uint64_t bits);
    bool insert(int64_t t, int64_t start, const HistogramView& value);
    bool open_overlaps(int64_t mint, int64_t maxt) const {
        return !open.empty() && open.front().t <= maxt && open.back().t >= mint;
    }
    // The newest closed chunk that belongs to the compaction, kNoChunk: none; so do all older ones.
    uint32_t compacting(const ClosedChunks& chunks) const;

    // The open chunk as chunks that can be closed: of one kind and not too long each, ascending.
    struct Encoded {
        int64_t mint;
        int64_t maxt;
        uint8_t encoding;
        std::vector<uint8_t> bytes;
    };
    // `xor2`, `histogram_starts`: see HeadEncoding.
    std::vector<Encoded> encode(bool xor2, bool histogram_starts) const;

  private:
    bool insert(const Sample& sample);
};

// Whether a chunk of a chain overlaps [mint, maxt].
bool any_overlaps(const ClosedChunks& chunks, uint32_t chain, int64_t mint, int64_t maxt);

}  // namespace narthex
