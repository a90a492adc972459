#include "remote/series_cache.h"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace narthex {

namespace {

// Keys ahead of the one that is compared: their slots, then their records, are on the way from memory.
constexpr size_t kSlotsAhead = 16;
constexpr size_t kRecordsAhead = 8;

uint32_t tag_of(const SeriesCache::Key& key) {
    return static_cast<uint32_t>(key.hash >> 32);
}

}  // namespace

const SeriesCache::Record* SeriesCache::at(uint32_t place) const {
    size_t word = place - 1;
    return reinterpret_cast<const Record*>(pages_[word / kPageWords].get() + word % kPageWords);
}

size_t SeriesCache::probe(const Key& key) const {
    uint32_t tag = tag_of(key);
    size_t mask = slots_.size() - 1;
    for (size_t i = first_slot(key);; i = (i + 1) & mask) {
        const Slot& slot = slots_[i];
        if (slot.place == 0) return i;
        if (slot.tag != tag) continue;
        const Record* record = at(slot.place);
        if (record->size == key.size && std::memcmp(record->key(), key.data, key.size) == 0) return i;
    }
}

void SeriesCache::find(std::span<const Key> keys, std::span<uint64_t> refs) const {
    std::shared_lock lock(mutex_);
    for (size_t i = 0; i < keys.size(); ++i) {
        if (i + kSlotsAhead < keys.size()) __builtin_prefetch(&slots_[first_slot(keys[i + kSlotsAhead])]);
        if (i + kRecordsAhead < keys.size()) {
            const Key& later = keys[i + kRecordsAhead];
            uint32_t place = slots_[first_slot(later)].place;
            if (place != 0) {
                const auto* record = reinterpret_cast<const uint8_t*>(at(place));
                for (size_t byte = 0; byte < std::min<size_t>(later.size, 256); byte += 64) {
                    __builtin_prefetch(record + byte);
                }
            }
        }
        uint32_t place = slots_[probe(keys[i])].place;
        refs[i] = place == 0 ? 0 : at(place)->ref;
    }
}

void SeriesCache::add(std::span<const Key> keys, std::span<const uint64_t> refs) {
    std::unique_lock lock(mutex_);
    for (size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].size == 0 || keys[i].size > kLongestKey) continue;
        if (count_ * 2 >= slots_.size()) grow();
        size_t words = (kKeyAt + keys[i].size + 7) / 8;
        if (used_ + words > kPageWords) {
            if ((pages_.size() + 1) * kPageWords * 8 + slots_.size() * sizeof(Slot) > max_bytes_) forget();
            pages_.push_back(std::make_unique_for_overwrite<uint64_t[]>(kPageWords));
            used_ = 0;
        }
        Slot& slot = slots_[probe(keys[i])];
        if (slot.place != 0) continue;
        uint64_t* to = pages_.back().get() + used_;
        std::memcpy(to, &refs[i], 8);
        std::memcpy(to + 1, &keys[i].size, 4);
        std::memcpy(reinterpret_cast<char*>(to) + kKeyAt, keys[i].data, keys[i].size);
        slot = {tag_of(keys[i]), static_cast<uint32_t>((pages_.size() - 1) * kPageWords + used_ + 1)};
        used_ += words;
        ++count_;
    }
}

void SeriesCache::grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    // A slot holds the half of the hash that does not place it.
    size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
        if (slot.place == 0) continue;
        const Record* record = at(slot.place);
        size_t i = hash_bytes({record->key(), record->size}) & mask;
        while (slots_[i].place != 0) i = (i + 1) & mask;
        slots_[i] = slot;
    }
}

void SeriesCache::forget() {
    slots_.assign(1024, {});
    pages_.clear();
    used_ = kPageWords;
    count_ = 0;
}

void SeriesCache::clear() {
    std::unique_lock lock(mutex_);
    forget();
}

size_t SeriesCache::size() const {
    std::shared_lock lock(mutex_);
    return count_;
}

}  // namespace narthex
