// Writing a block: series rows in, bytes of index and chunk segments out. Knows no files; the caller takes
// the bytes piece by piece.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "block/index_writer.h"
#include "bytes/damage.h"
#include "bytes/error.h"
#include "chunk/encoding.h"
#include "chunk/series_batch.h"

namespace narthex {

struct BlockCounts {
    uint64_t samples = 0;
    uint64_t float_samples = 0;
    uint64_t histogram_samples = 0;
    uint64_t series = 0;
    uint64_t chunks = 0;
};

// Order of calls: add_symbols for every batch, begin, add_rows for the same batches, finish. A chunk that
// lies wholly in the block's range and overlaps no other goes in byte for byte; others are decoded, cut,
// merged and encoded anew (block/reencode.h). Series without a sample in the range are left out.
class BlockWriter {
  public:
    struct Options {
        uint64_t segment_size;                  // bytes that a segment grows to at most
        uint8_t float_encoding = kEncodingXor;  // of what is encoded anew; kEncodingXor or kEncodingXor2
        bool skip_broken = false;               // leave broken chunks out and count them, see broken()
    };
    // mint inclusive, maxt exclusive, milliseconds.
    BlockWriter(int64_t mint, int64_t maxt, Options options);

    void add_symbols(const SymbolTable& symbols);
    void add_symbols(const IndexReader& index);
    void begin() { index_.begin(); }
    // Takes rows from `first` on until some `budget` bytes wait; gives the next row to take. Rows must ascend
    // in label order over all calls. Throws DecodeError, which names the series, on a broken chunk that is
    // not to be skipped, std::invalid_argument on wrong order.
    size_t add_rows(const SeriesBatch& batch, size_t first, size_t budget);
    bool finish(size_t budget) { return index_.finish(budget); }

    // Bytes to append to segment files (numbers from 1) since the last call.
    struct Piece {
        uint32_t segment;
        std::vector<uint8_t> bytes;
    };
    std::vector<Piece> take_chunks();
    std::vector<uint8_t> take_index() { return index_.take(); }
    const BlockCounts& counts() const { return counts_; }
    // How large the chunks added since the last call are.
    struct Shapes {
        std::vector<uint32_t> bytes, samples;
        std::vector<int64_t> milliseconds;  // from the first to the last sample
    };
    Shapes take_shapes() { return std::exchange(shapes_, {}); }
    // Chunks that were left out, with their series.
    const Damage& broken() const { return broken_; }

  private:
    void add_group(std::span<const ChunkView> group);
    void encode_group(std::span<const ChunkView> group);
    void encode_sound(std::span<const ChunkView> group);
    void add_chunk(const ChunkView& chunk);
    uint32_t symbol(const SymbolTable& from, uint32_t id);

    int64_t mint_, last_;  // inclusive
    Options options_;
    IndexWriter index_;
    BlockCounts counts_;
    Shapes shapes_;
    Damage broken_;
    const SeriesBatch* batch_ = nullptr;  // of the row being added, for messages
    size_t row_ = 0;
    std::vector<Piece> pieces_;
    size_t pending_ = 0;
    uint32_t segment_ = 0;
    uint64_t segment_position_ = 0;
    // Translation of the symbol table that rows came from last.
    const SymbolTable* from_ = nullptr;
    std::vector<uint32_t> map_;
    std::vector<LabelPair> labels_;
    std::vector<ChunkMeta> metas_;
};

}  // namespace narthex
