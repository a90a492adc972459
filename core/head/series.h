// A series of the head in as few bytes as its life allows, and where such structs live.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "chunk/encoding.h"
#include "head/closed_chunks.h"
#include "head/paged_vector.h"
#include "labels/label_sets.h"

namespace narthex {

// An XOR chunk is never that small.
inline constexpr uint16_t kElsewhere = 1;

// 88 bytes. The open chunk holds the newest sample, but for series that came back from head chunk files and
// have no open chunk yet.
struct Series {
    uint64_t ref = 0;
    int64_t t = 0;             // newest sample
    uint64_t v = 0;            // its bits; of a histogram those of its sum
    int64_t mint = 0;          // first sample of the open chunk
    uint32_t first_block = 0;  // of the open chunk's bytes, see OpenChunks
    uint32_t last_block = 0;
    uint32_t closed = kNoChunk;  // newest in ClosedChunks
    const uint32_t* values = nullptr;
    uint32_t names = 0;      // id in NameSets
    uint32_t hash = 0;       // of the label set, see hash_pairs
    uint32_t delta = 0;      // between the open chunk's last two samples
    uint32_t cut_after = 0;  // the open chunk takes samples before mint + cut_after
    uint32_t extra = 0;      // number of its SeriesExtra, 0: none
    uint16_t size = 0;       // bytes of the open chunk, 0: none, kElsewhere: its SeriesExtra has it
    uint16_t samples = 0;    // in it
    uint8_t free_bits = 0;
    uint8_t leading = 0;
    uint8_t trailing = 0;
    uint8_t encoding = kEncodingXor;  // of the open chunk
    // When it was asked for last, see OpenTransactions::mark(): without samples it lives on through that
    // epoch, and for as long as a transaction is open that may have been the one to ask.
    uint8_t touched = 0;

    bool has_samples() const { return size > 0 || closed != kNoChunk; }
};

// Label names come in few combinations: a series keeps the number of its combination and only its values.
class NameSets {
  public:
    uint32_t intern(std::span<const uint32_t> names);
    std::span<const uint32_t> get(uint32_t id) const { return {texts_[id]->data(), texts_[id]->size()}; }
    size_t size() const { return texts_.size(); }

  private:
    std::map<std::vector<uint32_t>, uint32_t> ids_;
    std::vector<const std::vector<uint32_t>*> texts_;
};

// Bump allocation of value ids; freed as a whole.
class ValueArena {
  public:
    const uint32_t* store(std::span<const LabelPair> pairs);

  private:
    static constexpr size_t kPage = 1 << 14;
    std::vector<std::unique_ptr<uint32_t[]>> pages_;
    size_t used_ = kPage;
};

// References (any u64) to slots. Pages of 64 neighbours: references are handed out in sequence.
class RefMap {
  public:
    static constexpr uint32_t kNone = 0xffffffff;
    RefMap() = default;
    RefMap(RefMap&&) = default;
    RefMap& operator=(RefMap&&) = default;
    uint32_t find(uint64_t ref) const;
    void set(uint64_t ref, uint32_t slot);

    // Look-ups of neighbouring references skip the directory.
    struct Cursor {
        uint64_t page = ~uint64_t{0};
        const uint32_t* slots = nullptr;
    };
    uint32_t find(uint64_t ref, Cursor& at) const {
        if (ref >> kPageBits != at.page) {
            at.page = ref >> kPageBits;
            at.slots = page_of(at.page);
        }
        return at.slots == nullptr ? kNone : at.slots[ref & ((1u << kPageBits) - 1)];
    }

  private:
    static constexpr unsigned kPageBits = 6;
    const uint32_t* page_of(uint64_t key) const;
    size_t probe(uint64_t key) const;

    struct Entry {
        uint64_t key;
        uint32_t* slots = nullptr;
    };
    std::vector<Entry> directory_ = std::vector<Entry>(16);
    std::vector<std::unique_ptr<uint32_t[]>> pages_;
};

// Label-set hash to slot: open addressing over the hashes kept in Series.
class HashIndex {
  public:
    template <typename HashOf, typename Same>
    uint32_t find(uint32_t hash, HashOf&& hash_of, Same&& same) const {
        size_t mask = slots_.size() - 1;
        for (size_t i = hash & mask;; i = (i + 1) & mask) {
            uint32_t slot = slots_[i];
            if (slot == RefMap::kNone || (hash_of(slot) == hash && same(slot))) return slot;
        }
    }
    template <typename HashOf>
    void add(uint32_t hash, uint32_t slot, HashOf&& hash_of) {
        if ((count_ + 1) * 4 > slots_.size() * 3) {
            std::vector<uint32_t> old(slots_.size() * 2, RefMap::kNone);
            old.swap(slots_);
            for (uint32_t s : old) {
                if (s != RefMap::kNone) place(hash_of(s), s);
            }
        }
        place(hash, slot);
        ++count_;
    }

  private:
    void place(uint32_t hash, uint32_t slot) {
        size_t mask = slots_.size() - 1;
        size_t i = hash & mask;
        while (slots_[i] != RefMap::kNone) i = (i + 1) & mask;
        slots_[i] = slot;
    }
    std::vector<uint32_t> slots_ = std::vector<uint32_t>(16, RefMap::kNone);
    size_t count_ = 0;
};

inline uint32_t hash_pairs(std::span<const LabelPair> pairs) {
    uint64_t h = 0x9e3779b97f4a7c15ULL;
    for (LabelPair p : pairs) {
        h ^= static_cast<uint64_t>(p.name) << 32 | p.value;
        h *= 0xff51afd7ed558ccdULL;
        h ^= h >> 32;
    }
    return static_cast<uint32_t>(h ^ h >> 29);
}

}  // namespace narthex
