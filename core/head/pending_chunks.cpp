#include "head/pending_chunks.h"

#include <algorithm>

#include "bytes/error.h"
#include "chunk/encoding.h"

namespace narthex {

namespace {

bool usable(const HeadChunk& c) {
    uint64_t span = static_cast<uint64_t>(c.maxt) - static_cast<uint64_t>(c.mint);
    return c.encoding >= kEncodingXor && c.encoding <= kEncodingFloatHistogramST && c.bytes.size() >= 2 &&
           c.mint <= c.maxt && span <= 0xffffffff;
}

}  // namespace

HeadChunkCounts PendingChunks::load(uint32_t file, std::shared_ptr<const void> owner,
                                    std::span<const uint8_t> bytes, int64_t min_valid_time) {
    HeadChunkCounts counts;
    uint32_t page = closed_.add_page(file, std::move(owner), bytes);
    pages_.push_back(page);
    HeadChunkReader in(bytes);
    HeadChunk chunk;
    try {
        while (in.next(chunk)) {
            if (chunk.ref >> 63 == 0) last_ref_ = std::max(last_ref_, chunk.ref);
            uint32_t newest = newest_.find(chunk.ref);
            if (chunk.out_of_order) {
                ++counts.out_of_order;
            } else if (!usable(chunk)) {
                ++counts.unusable;
            } else if (chunk.maxt < min_valid_time) {
                ++counts.old;
            } else if (newest != kNoChunk && chunk.mint <= closed_[newest].maxt()) {
                ++counts.overlapping;
            } else {
                ++counts.chunks;
                if (newest == kNoChunk) refs_.push_back(chunk.ref);
                newest_.set(chunk.ref, closed_.add_mapped(page, in.entry(), chunk, newest));
            }
        }
    } catch (const DecodeError& e) {
        counts.fault = e.what();
    }
    counts.good_end = counts.fault.empty() ? bytes.size() : in.good_end();
    return counts;
}

uint32_t PendingChunks::oldest_first(uint32_t chain) {
    uint32_t out = kNoChunk;
    while (chain != kNoChunk) {
        uint32_t older = closed_[chain].older;
        closed_.set_older(chain, out);
        out = chain;
        chain = older;
    }
    return out;
}

// Two chains, oldest first, become one.
uint32_t PendingChunks::merge(uint32_t a, uint32_t b) {
    uint32_t first = kNoChunk, last = kNoChunk;
    while (a != kNoChunk || b != kNoChunk) {
        uint32_t& from = b == kNoChunk || (a != kNoChunk && closed_[a].mint <= closed_[b].mint) ? a : b;
        uint32_t id = from;
        from = closed_[id].older;
        closed_.set_older(id, kNoChunk);
        if (last == kNoChunk) {
            first = id;
        } else if (closed_[id].mint <= closed_[last].maxt()) {
            closed_.drop(id);
            continue;
        } else {
            closed_.set_older(last, id);
        }
        last = id;
    }
    return first;
}

void PendingChunks::claim(uint64_t ref, uint32_t slot) {
    if (refs_.empty()) return;
    uint32_t newest = newest_.find(ref);
    if (newest == kNoChunk) return;
    newest_.set(ref, kNoChunk);
    if (slot >= by_slot_.size()) by_slot_.resize(slot + 1 + slot / 8, kNoChunk);
    by_slot_[slot] = merge(by_slot_[slot], oldest_first(newest));
}

size_t PendingChunks::finish() {
    size_t unclaimed = 0;
    for (uint64_t ref : refs_) {
        unclaimed += closed_.drop(newest_.find(ref));
        newest_.set(ref, kNoChunk);
    }
    refs_.clear();
    for (uint32_t page : pages_) closed_.page_done(page);
    pages_.clear();
    by_slot_ = {};
    return unclaimed;
}

}  // namespace narthex
