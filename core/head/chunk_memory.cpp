#include "head/chunk_memory.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace narthex {

uint32_t OpenChunks::allocate() {
    if (free_ != RefMap::kNone) {
        uint32_t id = free_;
        free_ = at(id)->next;
        return id;
    }
    if (used_ % kPage == 0) pages_.push_back(std::make_unique_for_overwrite<Block[]>(kPage));
    return used_++;
}

void OpenChunks::open(Series& s) {
    s.first_block = s.last_block = allocate();
    s.size = 2;
    s.samples = 0;
}

void OpenChunks::write(Series& s, size_t from, const uint8_t* data, size_t n) {
    size_t offset = from - (s.size - 1u) / kPayload * kPayload;
    s.size = static_cast<uint16_t>(from + n);
    while (true) {
        size_t part = std::min(n, kPayload - offset);
        std::memcpy(at(s.last_block)->bytes + offset, data, part);
        data += part;
        n -= part;
        if (n == 0) return;
        uint32_t next = allocate();
        at(s.last_block)->next = next;
        s.last_block = next;
        offset = 0;
    }
}

void OpenChunks::copy(const Series& s, uint8_t* out) const {
    uint32_t id = s.first_block;
    for (size_t done = 0; done < s.size;) {
        const Block* block = at(id);
        size_t part = std::min<size_t>(s.size - done, kPayload);
        std::memcpy(out + done, block->bytes, part);
        done += part;
        id = block->next;
    }
    out[0] = static_cast<uint8_t>(s.samples >> 8);
    out[1] = static_cast<uint8_t>(s.samples);
}

void OpenChunks::release(Series& s) {
    at(s.last_block)->next = free_;
    free_ = s.first_block;
    s.size = 0;
}

ClosedChunk* ChunkPages::add(ClosedChunk* older, int64_t mint, int64_t maxt, uint8_t encoding,
                             std::span<const uint8_t> bytes) {
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
                    static_cast<uint32_t>(bytes.size()),
                    chunk_sample_count(bytes, encoding),
                    encoding,
                    0};
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
