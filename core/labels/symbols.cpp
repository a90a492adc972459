#include "labels/symbols.h"

#include <algorithm>
#include <cstring>

namespace narthex {

namespace {

constexpr size_t kMaxBlock = 1 << 18;

uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ using u128 = unsigned __int128;
    u128 product = static_cast<u128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

uint64_t hash_bytes(std::string_view s) {
    uint64_t h = 0x9e3779b97f4a7c15ULL ^ s.size();
    const char* p = s.data();
    size_t n = s.size();
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t w;
        std::memcpy(&w, p, 8);
        h = mix(h ^ w, 0xa0761d6478bd642fULL);
    }
    if (n > 0) {
        uint64_t w = 0;
        std::memcpy(&w, p, n);
        h = mix(h ^ w, 0xe7037ed1a0b428dbULL);
    }
    return mix(h, 0x8ebc6af09c88c6e3ULL);
}

SymbolTable::SymbolTable() : slots_(16, kNone) {}

uint32_t SymbolTable::find(std::string_view s) const {
    size_t mask = slots_.size() - 1;
    for (size_t i = hash_bytes(s) & mask;; i = (i + 1) & mask) {
        uint32_t id = slots_[i];
        if (id == kNone || strings_[id] == s) return id;
    }
}

uint32_t SymbolTable::intern(std::string_view s) {
    if (strings_.size() * 2 >= slots_.size()) grow();
    size_t mask = slots_.size() - 1;
    size_t i = hash_bytes(s) & mask;
    for (; slots_[i] != kNone; i = (i + 1) & mask) {
        if (strings_[slots_[i]] == s) return slots_[i];
    }
    auto id = static_cast<uint32_t>(strings_.size());
    strings_.push_back(store(s));
    slots_[i] = id;
    return id;
}

std::string_view SymbolTable::store(std::string_view s) {
    if (s.empty()) return {};
    if (s.size() > free_bytes_) {
        size_t size = std::max(next_block_, s.size());
        next_block_ = std::min(next_block_ * 2, kMaxBlock);
        blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
        free_ = blocks_.back().get();
        free_bytes_ = size;
    }
    std::memcpy(free_, s.data(), s.size());
    std::string_view stored(free_, s.size());
    free_ += s.size();
    free_bytes_ -= s.size();
    bytes_ += s.size();
    return stored;
}

void SymbolTable::grow() {
    std::vector<uint32_t> slots(slots_.size() * 2, kNone);
    size_t mask = slots.size() - 1;
    for (uint32_t id = 0; id < strings_.size(); ++id) {
        size_t i = hash_bytes(strings_[id]) & mask;
        while (slots[i] != kNone) i = (i + 1) & mask;
        slots[i] = id;
    }
    slots_.swap(slots);
}

}  // namespace narthex
