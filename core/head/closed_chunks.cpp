#include "head/closed_chunks.h"

#include <algorithm>
#include <stdexcept>

namespace narthex {

static_assert(sizeof(ClosedChunk) == 24);

uint32_t ClosedChunks::new_page() {
    if (free_pages_.empty()) {
        free_pages_.push_back(static_cast<uint32_t>(pages_.size()));
        pages_.emplace_back();
    }
    uint32_t page = free_pages_.back();
    free_pages_.pop_back();
    return page;
}

uint32_t ClosedChunks::new_header(const ClosedChunk& header) {
    ++count_;
    ++pages_[header.page].live;
    if (free_header_ == kNoChunk) {
        headers_.push_back(header);
        return static_cast<uint32_t>(headers_.size() - 1);
    }
    uint32_t id = free_header_;
    free_header_ = headers_[id].older;
    headers_[id] = header;
    return id;
}

namespace {

uint32_t span_of(const HeadChunk& chunk) {
    uint64_t span = static_cast<uint64_t>(chunk.maxt) - static_cast<uint64_t>(chunk.mint);
    if (chunk.maxt < chunk.mint || span > kMaxChunkSpan) {
        throw std::invalid_argument("a chunk of the head spans less than 2^32 milliseconds");
    }
    return static_cast<uint32_t>(span);
}

}  // namespace

uint32_t ClosedChunks::add(const HeadChunk& chunk, uint32_t older) {
    uint32_t span = span_of(chunk);
    size_t n = head_chunk_size(chunk);
    if (current_ != kNoChunk && capacity_ - pages_[current_].size < n) seal();
    if (current_ == kNoChunk) {
        capacity_ = std::max(kPage, n);
        auto bytes = std::make_shared_for_overwrite<uint8_t[]>(capacity_);
        fill_ = bytes.get();
        current_ = new_page();
        pages_[current_] = {std::move(bytes), fill_, 0, 0, 0, 0, State::kFilling};
    }
    Page& page = pages_[current_];
    uint32_t offset = page.size;
    write_head_chunk(chunk, fill_ + offset);
    page.size += static_cast<uint32_t>(n);
    memory_bytes_ += n;
    return new_header({chunk.mint, span, older, current_, offset});
}

void ClosedChunks::seal() {
    uint32_t page = std::exchange(current_, kNoChunk);
    pages_[page].state = State::kUnwritten;
    if (pages_[page].live == 0) {
        release(page);
    } else {
        unwritten_.push_back(page);
    }
}

size_t ClosedChunks::drop(uint32_t id) {
    size_t dropped = 0;
    while (id != kNoChunk) {
        ClosedChunk& header = headers_[id];
        uint32_t older = std::exchange(header.older, free_header_);
        free_header_ = id;
        ++dropped;
        if (--pages_[header.page].live == 0 && header.page != current_) release(header.page);
        id = older;
    }
    count_ -= dropped;
    return dropped;
}

void ClosedChunks::release(uint32_t page) {
    Page& p = pages_[page];
    if (p.state == State::kUnwritten) std::erase(unwritten_, page);
    if (p.state != State::kMapped) memory_bytes_ -= p.size;
    released_.push_back(std::move(p.owner));
    p = {};
    free_pages_.push_back(page);
}

std::vector<ClosedChunks::UnwrittenPage> ClosedChunks::unwritten() {
    if (current_ != kNoChunk && pages_[current_].size > 0) seal();
    std::vector<UnwrittenPage> out;
    for (uint32_t page : unwritten_) {
        const Page& p = pages_[page];
        out.push_back({page, p.owner, {p.bytes, p.size}});
    }
    return out;
}

void ClosedChunks::written(uint32_t page, uint32_t file, uint32_t position) {
    if (page >= pages_.size() || pages_[page].state != State::kUnwritten) return;  // gone meanwhile
    std::erase(unwritten_, page);
    pages_[page].file = file;
    pages_[page].position = position;
    pages_[page].state = State::kWritten;
}

size_t ClosedChunks::map(uint32_t file, std::shared_ptr<const void> owner, std::span<const uint8_t> bytes) {
    auto in_file = [&](const Page& p) {
        return (p.state == State::kWritten || p.state == State::kMapped) && p.file == file;
    };
    for (const Page& p : pages_) {
        if (in_file(p) && (p.position > bytes.size() || bytes.size() - p.position < p.size)) {
            throw std::invalid_argument("the mapped file is shorter than what was written to it");
        }
    }
    size_t fresh = 0;
    for (Page& p : pages_) {
        if (!in_file(p)) continue;
        if (p.state == State::kWritten) {
            fresh += p.live;
            memory_bytes_ -= p.size;
        }
        released_.push_back(std::exchange(p.owner, owner));
        p.bytes = bytes.data() + p.position;
        p.state = State::kMapped;
    }
    return fresh;
}

uint32_t ClosedChunks::add_page(uint32_t file, std::shared_ptr<const void> owner,
                                std::span<const uint8_t> bytes) {
    if (bytes.size() > 0xffffffff) throw std::invalid_argument("head chunk file is longer than 4 GiB");
    uint32_t page = new_page();
    pages_[page] = {std::move(owner), bytes.data(), static_cast<uint32_t>(bytes.size()), 0, file, 0,
                    State::kMapped};
    return page;
}

uint32_t ClosedChunks::add_mapped(uint32_t page, size_t offset, const HeadChunk& chunk, uint32_t older) {
    return new_header({chunk.mint, span_of(chunk), older, page, static_cast<uint32_t>(offset)});
}

void ClosedChunks::page_done(uint32_t page) {
    if (pages_[page].live == 0) release(page);
}

uint32_t ClosedChunks::oldest_file(uint32_t none) const {
    uint32_t oldest = none;
    for (const Page& p : pages_) {
        if (p.state == State::kWritten || p.state == State::kMapped) oldest = std::min(oldest, p.file);
    }
    return oldest;
}

}  // namespace narthex
