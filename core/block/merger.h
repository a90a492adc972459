// Walking several blocks together in label order, a bounded number of series at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "block/block.h"

namespace narthex {

// For compaction: series with equal labels become one row with the chunks of all blocks; deleted samples are
// cut out. Holds four bytes a series and the symbols of all blocks. Not safe for concurrent use; a batch is
// valid for reading until the next call, which may add to the symbols that all batches share.
class BlockMerger {
  public:
    struct Input {
        std::shared_ptr<const Block> block;
        std::shared_ptr<const Tombstones> deleted;  // may be nullptr
    };
    explicit BlockMerger(std::vector<Input> inputs);

    // The next at most `max_rows` series; empty at the end. Throws DecodeError on broken bytes and on blocks
    // whose series are not in label order.
    SeriesBatch next(size_t max_rows);

  private:
    struct Cursor {
        Input input;
        std::vector<IndexReader::Id> ids;
        size_t next = 0;
        bool valid = false;
        std::vector<uint32_t> symbols;  // block symbol -> symbols_
        std::vector<LabelPair> labels;
        std::vector<ChunkMeta> metas;
    };
    void advance(Cursor& cursor);
    int compare(const std::vector<LabelPair>& a, const std::vector<LabelPair>& b) const;
    void add_chunks(const Cursor& cursor, SeriesBatch& out) const;

    std::shared_ptr<SymbolTable> symbols_ = std::make_shared<SymbolTable>();
    std::vector<Cursor> cursors_;
};

}  // namespace narthex
