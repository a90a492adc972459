#include "labels/row_index.h"

#include <algorithm>
#include <string_view>

namespace narthex {

uint64_t hash_pairs(std::span<const LabelPair> pairs) {
    static_assert(sizeof(LabelPair) == 8);
    return hash_bytes({reinterpret_cast<const char*>(pairs.data()), pairs.size() * sizeof(LabelPair)});
}

uint32_t RowIndex::find_or_add(std::span<const LabelPair> pairs) {
    if (hashes_.size() * 2 >= slots_.size()) grow();
    uint64_t hash = hash_pairs(pairs);
    size_t mask = slots_.size() - 1;
    size_t i = hash & mask;
    for (; slots_[i] != kFree; i = (i + 1) & mask) {
        uint32_t id = slots_[i];
        if (hashes_[id] == hash && std::ranges::equal(rows_.row(id), pairs)) return id;
    }
    auto id = static_cast<uint32_t>(hashes_.size());
    rows_.add_row(pairs);
    hashes_.push_back(hash);
    slots_[i] = id;
    return id;
}

void RowIndex::grow() {
    std::vector<uint32_t> slots(slots_.size() * 2, kFree);
    size_t mask = slots.size() - 1;
    for (uint32_t id = 0; id < hashes_.size(); ++id) {
        size_t i = hashes_[id] & mask;
        while (slots[i] != kFree) i = (i + 1) & mask;
        slots[i] = id;
    }
    slots_.swap(slots);
}

}  // namespace narthex
