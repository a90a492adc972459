#include "head/chunk_memory.h"

#include <cstring>
#include <new>

namespace narthex {

uint8_t* OpenBuffers::allocate(uint8_t buffer_class) {
    if (uint8_t* p = free_[buffer_class]) {
        std::memcpy(&free_[buffer_class], p, sizeof(uint8_t*));
        return p;
    }
    size_t n = kSizes[buffer_class];
    if (kBlock - used_ < n) {
        blocks_.push_back(std::make_unique_for_overwrite<uint8_t[]>(kBlock));
        used_ = 0;
    }
    uint8_t* p = blocks_.back().get() + used_;
    used_ += n;
    return p;
}

void OpenBuffers::release(uint8_t* buffer, uint8_t buffer_class) {
    std::memcpy(buffer, &free_[buffer_class], sizeof(uint8_t*));
    free_[buffer_class] = buffer;
}

void OpenBuffers::grow(uint8_t*& buffer, uint8_t& buffer_class, size_t used, size_t needed) {
    uint8_t to = buffer_class;
    while (kSizes[to] < needed) ++to;  // the caller cuts chunks below the largest class
    uint8_t* p = allocate(to);
    std::memcpy(p, buffer, used);
    release(buffer, buffer_class);
    buffer = p;
    buffer_class = to;
}

ClosedChunk* ChunkPages::add(ClosedChunk* older, int64_t mint, int64_t maxt, std::span<const uint8_t> bytes) {
    size_t n = (sizeof(ClosedChunk) + bytes.size() + 7) & ~size_t{7};
    if (current_ == RefMap::kNone || kPage - used_ < n) {
        uint32_t full = current_;
        if (free_.empty()) {
            free_.push_back(static_cast<uint32_t>(pages_.size()));
            pages_.emplace_back();
        }
        current_ = free_.back();
        free_.pop_back();
        pages_[current_].bytes = std::make_shared_for_overwrite<uint8_t[]>(kPage);
        used_ = 0;
        if (full != RefMap::kNone && pages_[full].live == 0) release(full);
    }
    Page& page = pages_[current_];
    auto* chunk = new (page.bytes.get() + used_)
        ClosedChunk{older,
                    mint,
                    static_cast<uint32_t>(static_cast<uint64_t>(maxt) - static_cast<uint64_t>(mint)),
                    current_,
                    static_cast<uint16_t>(bytes.size()),
                    static_cast<uint16_t>(bytes[0] << 8 | bytes[1])};
    std::memcpy(chunk + 1, bytes.data(), bytes.size());
    used_ += n;
    bytes_ += bytes.size();
    ++page.live;
    return chunk;
}

size_t ChunkPages::drop(ClosedChunk* chunk) {
    size_t dropped = 0;
    while (chunk != nullptr) {
        ClosedChunk* older = chunk->older;
        uint32_t page = chunk->page;
        bytes_ -= chunk->size;
        ++dropped;
        if (--pages_[page].live == 0 && page != current_) release(page);
        chunk = older;
    }
    return dropped;
}

void ChunkPages::release(uint32_t page) {
    pages_[page].bytes.reset();
    free_.push_back(page);
}

}  // namespace narthex
