// Finds equal label sets in O(1): an index over the rows of a LabelSets that share its symbol table.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "labels/label_sets.h"

namespace narthex {

// Grows together with `rows`, which must outlive it and get rows only through it.
class RowIndex {
  public:
    explicit RowIndex(LabelSets& rows) : rows_(rows), slots_(64, kFree) {}

    // The row equal to `pairs` (ids of the rows' table, sorted by name); appended when there is none.
    uint32_t find_or_add(std::span<const LabelPair> pairs);

  private:
    static constexpr uint32_t kFree = 0xffffffff;
    void grow();

    LabelSets& rows_;
    std::vector<uint32_t> slots_;
    std::vector<uint64_t> hashes_;
};

// 64-bit hash of pairs as ids: equal only for equal sets of one symbol table.
uint64_t hash_pairs(std::span<const LabelPair> pairs);

}  // namespace narthex
