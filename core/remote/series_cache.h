// What a sender calls a series, byte for byte, to the reference that storage gave it: senders repeat the same
// label sets in every request, and a known one then costs a hash and a comparison. Safe for several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <vector>

#include "labels/symbols.h"

namespace narthex {

class SeriesCache {
  public:
    // Takes up to about `max_bytes`; when that is full, it begins anew.
    explicit SeriesCache(size_t max_bytes) : max_bytes_(max_bytes) {}

    // Bytes that name a series.
    struct Key {
        explicit Key(std::string_view bytes)
            : data(bytes.data()), size(static_cast<uint32_t>(bytes.size())), hash(hash_bytes(bytes)) {}
        const char* data;
        uint32_t size;
        uint64_t hash;
    };

    // The reference of each key, 0 where it is not known.
    void find(std::span<const Key> keys, std::span<uint64_t> refs) const;
    static constexpr size_t kLongestKey = 1 << 14;
    // `refs` are not 0. Keys that are known stay as they are; empty ones and longer ones are not kept.
    void add(std::span<const Key> keys, std::span<const uint64_t> refs);
    // Storage does not know some reference any more.
    void clear();
    size_t size() const;

  private:
    // A record is its reference, the key's size and the key, from an 8-byte boundary on.
    static constexpr size_t kKeyAt = 12;
    struct Record {
        uint64_t ref;
        uint32_t size;
        const char* key() const { return reinterpret_cast<const char*>(this) + kKeyAt; }
    };
    struct Slot {
        uint32_t tag = 0;    // upper half of the hash
        uint32_t place = 0;  // in words of 8 bytes, plus one; 0: free
    };
    static constexpr size_t kPageWords = 1 << 16;
    const Record* at(uint32_t place) const;
    size_t first_slot(const Key& key) const { return key.hash & (slots_.size() - 1); }
    // The slot of the key, or a free one.
    size_t probe(const Key& key) const;
    void grow();
    void forget();

    const size_t max_bytes_;
    mutable std::shared_mutex mutex_;
    std::vector<Slot> slots_ = std::vector<Slot>(1024);
    std::vector<std::unique_ptr<uint64_t[]>> pages_;
    size_t used_ = kPageWords;  // words of the last page
    size_t count_ = 0;
};

}  // namespace narthex
