// The closed chunks of a head: a small header each, while the bytes lie in pages that a query may keep. A
// page is a run of head chunk file entries, first in memory, then mapped from the file it was written to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "head/chunk_file.h"
#include "head/paged_vector.h"

namespace narthex {

inline constexpr uint32_t kNoChunk = 0xffffffff;
inline constexpr uint64_t kMaxChunkSpan = 0xffffffff;  // between a chunk's first and last sample

// 24 bytes. Bounds are inclusive.
struct ClosedChunk {
    int64_t mint;
    uint32_t span;   // maxt - mint
    uint32_t older;  // the next older chunk of its chain, kNoChunk at the end
    uint32_t page;
    uint32_t offset;  // of its entry in the page

    int64_t maxt() const { return static_cast<int64_t>(static_cast<uint64_t>(mint) + span); }
};

// Headers have numbers, which series keep. Not safe for concurrent use; bytes that were handed out stay where
// they are for as long as their owner is held.
class ClosedChunks {
  public:
    // Copies a chunk. It joins the chain whose newest chunk so far is `older`. Throws std::invalid_argument
    // unless 0 <= maxt - mint < 2^32.
    uint32_t add(const HeadChunk& chunk, uint32_t older);

    const ClosedChunk& operator[](uint32_t id) const { return headers_[id]; }
    void set_older(uint32_t id, uint32_t older) { headers_[id].older = older; }
    // The entry of a chunk; its bytes may lie on disk, so call it without a lock where that matters.
    const uint8_t* entry(const ClosedChunk& c) const { return pages_[c.page].bytes + c.offset; }
    // Forgets a chunk and all older ones; gives how many. A page goes when its last chunk is forgotten and no
    // query holds it.
    size_t drop(uint32_t id);

    std::shared_ptr<const void> owner(uint32_t page) const { return pages_[page].owner; }
    size_t page_count() const { return pages_.size(); }
    // Chunks that are held, and the bytes of those that are not mapped.
    size_t count() const { return count_; }
    size_t memory_bytes() const { return memory_bytes_; }

    // Writing to files. Pages are never changed once they are given out here, oldest first; a page that loses
    // its last chunk meanwhile drops out.
    struct UnwrittenPage {
        uint32_t page;
        std::shared_ptr<const void> owner;
        std::span<const uint8_t> bytes;
    };
    std::vector<UnwrittenPage> unwritten();
    // The page's bytes are in `file` from `position` on.
    void written(uint32_t page, uint32_t file, uint32_t position);
    // All written pages of the file are read through `bytes` from now on, the file's content from its start.
    // Gives how many chunks are mapped for the first time. Throws std::invalid_argument when it is too short
    // for one of its pages.
    size_t map(uint32_t file, std::shared_ptr<const void> owner, std::span<const uint8_t> bytes);

    // Reading from files: a page that is a whole mapped file, then its chunks. An unused page is released by
    // page_done().
    uint32_t add_page(uint32_t file, std::shared_ptr<const void> owner, std::span<const uint8_t> bytes);
    uint32_t add_mapped(uint32_t page, size_t offset, const HeadChunk& chunk, uint32_t older);
    void page_done(uint32_t page);
    // The oldest file that holds a chunk, `none` without any.
    uint32_t oldest_file(uint32_t none) const;

    // What released pages owned. Let it go without a lock: it may call back into its maker.
    std::vector<std::shared_ptr<const void>> take_released() { return std::exchange(released_, {}); }

  private:
    static constexpr size_t kPage = 1 << 18;
    enum class State : uint8_t { kFree, kFilling, kUnwritten, kWritten, kMapped };
    struct Page {
        std::shared_ptr<const void> owner;
        const uint8_t* bytes = nullptr;
        uint32_t size = 0;
        uint32_t live = 0;
        uint32_t file = 0;
        uint32_t position = 0;
        State state = State::kFree;
    };
    uint32_t new_page();
    uint32_t new_header(const ClosedChunk& header);
    void seal();
    void release(uint32_t page);

    PagedVector<ClosedChunk, 4096> headers_;
    uint32_t free_header_ = kNoChunk;  // chained by `older`
    size_t count_ = 0;
    std::vector<Page> pages_;
    std::vector<uint32_t> free_pages_;
    std::deque<uint32_t> unwritten_;
    uint32_t current_ = kNoChunk;
    uint8_t* fill_ = nullptr;  // the current page, writable
    size_t capacity_ = 0;
    size_t memory_bytes_ = 0;
    std::vector<std::shared_ptr<const void>> released_;
};

}  // namespace narthex
