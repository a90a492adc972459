// Writing a block's index file (version 2) front to back. Format: docs/formats/index.md.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "block/index_reader.h"
#include "bytes/writer.h"
#include "labels/symbols.h"

namespace narthex {

// Order of calls: add_symbol for every string, begin, add_series in label order, finish until it gives true;
// take at any time after begin. Held in memory: the symbols, four bytes a label of each series (its
// postings), and what was not taken yet.
class IndexWriter {
  public:
    IndexWriter();
    // Gives the symbol's id, which add_series expects.
    uint32_t add_symbol(std::string_view s) { return symbols_.intern(s); }
    const SymbolTable& symbols() const { return symbols_; }
    // Writes the header and the symbol table; no symbol may be added afterwards.
    void begin();
    // Labels as symbol ids, sorted by name, no value empty; chunks sorted by mint. Throws
    // std::invalid_argument when the series does not come after the last one in label order.
    void add_series(std::span<const LabelPair> labels, std::span<const ChunkMeta> chunks);
    // Writes some `budget` bytes of what follows the series; true when the file is complete.
    bool finish(size_t budget);
    // The bytes since the last call.
    std::vector<uint8_t> take();
    // Bytes that wait for take().
    size_t pending() const { return out_.size(); }

  private:
    struct List {
        LabelPair key;  // ranks
        std::vector<uint32_t> series;
        uint64_t offset = 0;
    };
    uint64_t position() const { return taken_ + out_.size(); }
    void pad(size_t alignment);
    // Writes u32 length, content, CRC.
    void section(std::span<const uint8_t> content);
    std::string_view ranked(uint32_t rank) const { return symbols_.get(order_[rank]); }
    void sort_lists();
    void write_list(List& list);
    void write_tables();

    SymbolTable symbols_;
    std::vector<uint32_t> order_;  // rank -> symbol id
    std::vector<uint32_t> rank_;   // symbol id -> rank in byte order, which is its number in the file
    ByteWriter out_;
    uint64_t taken_ = 0;
    std::vector<LabelPair> last_, row_;
    ByteWriter entry_;
    List all_;
    std::vector<List> lists_;
    std::unordered_map<uint64_t, uint32_t> list_of_;  // name rank << 32 | value rank -> lists_
    uint64_t toc_[6] = {};
    enum class Stage { kSymbols, kSeries, kPostings, kDone } stage_ = Stage::kSymbols;
    size_t next_list_ = 0;
};

}  // namespace narthex
