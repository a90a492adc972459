// Interned strings. A symbol id is its position of first interning; ids are dense and never move.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace narthex {

// Append-only. Views returned by get() stay valid for the table's life. Not safe for concurrent use with
// intern().
class SymbolTable {
  public:
    SymbolTable();
    SymbolTable(const SymbolTable&) = delete;
    SymbolTable& operator=(const SymbolTable&) = delete;

    uint32_t intern(std::string_view s);
    // The id of s, or kNone when it was never interned.
    uint32_t find(std::string_view s) const;
    std::string_view get(uint32_t id) const { return strings_[id]; }
    uint32_t size() const { return static_cast<uint32_t>(strings_.size()); }
    size_t bytes() const { return bytes_; }

    static constexpr uint32_t kNone = 0xffffffff;

  private:
    std::string_view store(std::string_view s);
    void grow();

    std::vector<std::string_view> strings_;
    std::vector<uint32_t> slots_;  // open addressing, power of two, kNone = free
    std::vector<std::unique_ptr<char[]>> blocks_;
    char* free_ = nullptr;
    size_t free_bytes_ = 0;
    size_t next_block_ = 1024;
    size_t bytes_ = 0;
};

// 64-bit hash used inside the process only; it is written to no file.
uint64_t hash_bytes(std::string_view s);

}  // namespace narthex
