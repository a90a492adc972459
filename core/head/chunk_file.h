// Entries of a head chunk file, which is also how closed chunks lie in memory. Format:
// docs/formats/head-chunks.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace narthex {

// A closed chunk of a series. Bounds are inclusive, milliseconds.
struct HeadChunk {
    uint64_t ref;
    int64_t mint;
    int64_t maxt;
    uint8_t encoding;   // chunk/encoding.h
    bool out_of_order;  // it may overlap others of its series
    std::span<const uint8_t> bytes;
};

inline constexpr size_t kHeadChunkFileHeader = 8;
// A file ends before a chunk that would make it longer.
inline constexpr size_t kHeadChunkFileSize = size_t{128} << 20;

size_t head_chunk_size(const HeadChunk& chunk);
// Writes head_chunk_size(chunk) bytes.
void write_head_chunk(const HeadChunk& chunk, uint8_t* out);
// Reads an entry that write_head_chunk made or HeadChunkReader has accepted.
HeadChunk read_head_chunk(const uint8_t* entry);

// The entries of one file, checked.
class HeadChunkReader {
  public:
    explicit HeadChunkReader(std::span<const uint8_t> file) : file_(file) {}

    // The next chunk; false at the end, which zeros in place of an entry are, too. Throws DecodeError where
    // the file is torn or corrupt: what good_end() counts is sound.
    bool next(HeadChunk& chunk);
    // Bytes up to and including the last sound entry; 0 when the header is not.
    size_t good_end() const { return good_end_; }
    // Where the entry that next() gave begins.
    size_t entry() const { return entry_; }

  private:
    void header();

    std::span<const uint8_t> file_;
    size_t entry_ = 0;
    size_t good_end_ = 0;
};

}  // namespace narthex
