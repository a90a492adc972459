// Which series have a label value: ascending slots for each (name, value) pair of symbols.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "head/series.h"

namespace narthex {

// Grows like a vector; up to two slots live in the struct itself, as most values of a high-cardinality label
// have one series.
class SlotList {
  public:
    SlotList() = default;
    SlotList(SlotList&& o) noexcept : size_(o.size_), capacity_(o.capacity_), data_(o.data_) {
        o.size_ = 0;
        o.capacity_ = kInline;
    }
    SlotList& operator=(SlotList&&) = delete;
    ~SlotList() {
        if (capacity_ > kInline) delete[] data_.heap;
    }
    void push_back(uint32_t slot);
    std::span<const uint32_t> get() const { return {capacity_ > kInline ? data_.heap : data_.here, size_}; }

  private:
    static constexpr uint32_t kInline = 2;
    uint32_t size_ = 0;
    uint32_t capacity_ = kInline;
    union {
        uint32_t here[kInline];
        uint32_t* heap;
    } data_ = {};
};

struct Posting {
    uint32_t name;
    uint32_t value;
    SlotList slots;
};

class Postings {
  public:
    // Slots must be added in ascending order.
    void add(LabelPair pair, uint32_t slot);
    // The list of a pair, or nullptr.
    const Posting* find(uint32_t name, uint32_t value) const;
    // Postings of all values of a name, in order of first appearance.
    std::span<const uint32_t> values(uint32_t name) const;
    const Posting& posting(uint32_t id) const { return *list_[id]; }
    size_t pairs() const { return list_.size(); }
    // How many series have a label of this name (kNone: none).
    size_t slots_of(uint32_t name) const {
        size_t position = name < name_position_.size() ? name_position_[name] : RefMap::kNone;
        return position < slots_by_name_.size() ? slots_by_name_[position] : 0;
    }
    // Symbols of all names, in order of first appearance.
    std::span<const uint32_t> names() const { return names_; }

  private:
    size_t probe(uint32_t name, uint32_t value) const;

    std::vector<std::unique_ptr<Posting>> list_;
    std::vector<uint32_t> table_ = std::vector<uint32_t>(16, RefMap::kNone);
    std::vector<uint32_t> names_;
    std::vector<std::vector<uint32_t>> by_name_;  // at the position of the name in names_
    std::vector<size_t> slots_by_name_;           // likewise
    std::vector<uint32_t> name_position_;         // by symbol, kNone = not a name
};

}  // namespace narthex
