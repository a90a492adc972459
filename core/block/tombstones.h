// Deleted time ranges of a block's series. Format: docs/formats/tombstones.md.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "chunk/series_batch.h"

namespace narthex {

// Milliseconds, both inclusive.
struct Interval {
    int64_t mint;
    int64_t maxt;
    bool operator==(const Interval&) const = default;
};

// Ascending and disjoint, no two touching.
using Intervals = std::vector<Interval>;

// Adds an interval, joining it with those it overlaps or touches. mint <= maxt.
void add_interval(Intervals& intervals, Interval added);

class Tombstones {
  public:
    Tombstones() = default;
    // A whole tombstones file. Throws DecodeError.
    static Tombstones decode(std::span<const uint8_t> file);
    std::vector<uint8_t> encode() const;

    void add(uint64_t series, Interval interval) { add_interval(series_[series], interval); }
    // The intervals of a series, or nullptr.
    const Intervals* find(uint64_t series) const;
    size_t series() const { return series_.size(); }
    size_t intervals() const;
    const std::map<uint64_t, Intervals>& all() const { return series_; }

  private:
    std::map<uint64_t, Intervals> series_;
};

// Adds what is left of a chunk to the batch's chunks and owners: nothing, the chunk itself, or its remaining
// samples as columns (XOR chunks) or as chunks encoded anew. Throws DecodeError when it has to look into a
// broken chunk.
void add_remains(const ChunkView& chunk, const Intervals& deleted, SeriesBatch& out);

}  // namespace narthex
