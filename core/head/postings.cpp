#include "head/postings.h"

#include <algorithm>

namespace narthex {

void SlotList::push_back(uint32_t slot) {
    if (size_ == capacity_) {
        uint32_t capacity = capacity_ < 8 ? 8 : capacity_ + capacity_ / 4;
        auto* grown = new uint32_t[capacity];
        auto old = get();
        std::copy(old.begin(), old.end(), grown);
        if (capacity_ > kInline) delete[] data_.heap;
        data_.heap = grown;
        capacity_ = capacity;
    }
    (capacity_ > kInline ? data_.heap : data_.here)[size_++] = slot;
}

size_t Postings::probe(uint32_t name, uint32_t value) const {
    size_t mask = table_.size() - 1;
    uint64_t h = (static_cast<uint64_t>(name) << 32 | value) * 0x9e3779b97f4a7c15ULL;
    for (size_t i = (h ^ h >> 32) & mask;; i = (i + 1) & mask) {
        uint32_t id = table_[i];
        if (id == RefMap::kNone || (list_[id]->value == value && list_[id]->name == name)) return i;
    }
}

void Postings::add(LabelPair pair, uint32_t slot) {
    size_t i = probe(pair.name, pair.value);
    uint32_t id = table_[i];
    if (id == RefMap::kNone) {
        id = static_cast<uint32_t>(list_.size());
        if ((list_.size() + 1) * 4 > table_.size() * 3) {
            table_.assign(table_.size() * 2, RefMap::kNone);
            for (uint32_t k = 0; k < id; ++k) table_[probe(list_[k]->name, list_[k]->value)] = k;
            i = probe(pair.name, pair.value);
        }
        list_.push_back(std::make_unique<Posting>(Posting{pair.name, pair.value, {}}));
        table_[i] = id;
        if (pair.name >= name_position_.size()) name_position_.resize(pair.name + 1, RefMap::kNone);
        uint32_t& position = name_position_[pair.name];
        if (position == RefMap::kNone) {
            position = static_cast<uint32_t>(names_.size());
            names_.push_back(pair.name);
            by_name_.emplace_back();
            slots_by_name_.push_back(0);
        }
        by_name_[position].push_back(id);
    }
    list_[id]->slots.push_back(slot);
    ++slots_by_name_[name_position_[pair.name]];
}

const Posting* Postings::find(uint32_t name, uint32_t value) const {
    uint32_t id = table_[probe(name, value)];
    return id == RefMap::kNone ? nullptr : list_[id].get();
}

std::span<const uint32_t> Postings::values(uint32_t name) const {
    if (name >= name_position_.size() || name_position_[name] == RefMap::kNone) return {};
    return by_name_[name_position_[name]];
}

}  // namespace narthex
