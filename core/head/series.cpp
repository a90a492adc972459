#include "head/series.h"

#include <algorithm>

namespace narthex {

static_assert(sizeof(Series) <= 88);

namespace {

size_t mix(uint64_t key) {
    key *= 0x9e3779b97f4a7c15ULL;
    return static_cast<size_t>(key ^ key >> 32);
}

}  // namespace

uint32_t NameSets::intern(std::span<const uint32_t> names) {
    auto [it, added] = ids_.try_emplace(std::vector<uint32_t>(names.begin(), names.end()),
                                        static_cast<uint32_t>(ids_.size()));
    if (added) texts_.push_back(&it->first);
    return it->second;
}

const uint32_t* ValueArena::store(std::span<const LabelPair> pairs) {
    size_t n = pairs.size();
    if (kPage - used_ < n || used_ > kPage) {
        pages_.push_back(std::make_unique_for_overwrite<uint32_t[]>(std::max(n, kPage)));
        used_ = 0;
    }
    uint32_t* at = pages_.back().get() + used_;
    used_ += n;
    for (size_t i = 0; i < n; ++i) at[i] = pairs[i].value;
    return at;
}

size_t RefMap::probe(uint64_t key) const {
    size_t mask = directory_.size() - 1;
    size_t i = mix(key) & mask;
    while (directory_[i].slots != nullptr && directory_[i].key != key) i = (i + 1) & mask;
    return i;
}

const uint32_t* RefMap::page_of(uint64_t key) const {
    return directory_[probe(key)].slots;
}

uint32_t RefMap::find(uint64_t ref) const {
    const uint32_t* page = page_of(ref >> kPageBits);
    return page == nullptr ? kNone : page[ref & ((1u << kPageBits) - 1)];
}

void RefMap::set(uint64_t ref, uint32_t slot) {
    uint64_t key = ref >> kPageBits;
    size_t i = probe(key);
    if (directory_[i].slots == nullptr) {
        if ((pages_.size() + 1) * 2 > directory_.size()) {
            std::vector<Entry> old(directory_.size() * 2);
            old.swap(directory_);
            for (const Entry& e : old) {
                if (e.slots != nullptr) directory_[probe(e.key)] = e;
            }
            i = probe(key);
        }
        pages_.push_back(std::make_unique_for_overwrite<uint32_t[]>(size_t{1} << kPageBits));
        std::fill_n(pages_.back().get(), size_t{1} << kPageBits, kNone);
        directory_[i] = {key, pages_.back().get()};
    }
    directory_[i].slots[ref & ((1u << kPageBits) - 1)] = slot;
}

}  // namespace narthex
