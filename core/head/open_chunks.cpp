#include "head/open_chunks.h"

#include <algorithm>
#include <cstring>

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

void OpenChunks::write_on(Series& s, size_t from, size_t offset, const uint8_t* data, size_t n) {
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

}  // namespace narthex
