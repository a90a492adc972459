#include "head/deletion.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>

#include "block/reencode.h"
#include "wal/records.h"

namespace narthex {

bool HeadDeletion::plan(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt) {
    marks_.clear();
    std::shared_lock lock(head_->mutex_);
    if (view.generation != head_->generation_) return false;
    for (uint32_t slot : match_series(TableSource(head_->table_, view.series), terms)) {
        const Series& s = head_->table_.series[slot];
        if (s.ref == 0 || !head_->overlaps(s, mint, maxt)) continue;
        Interval has = head_->range_of(s);
        marks_.emplace_back(s.ref, Interval{std::max(mint, has.mint), std::min(maxt, has.maxt)});
    }
    return true;
}

std::vector<uint8_t> HeadDeletion::encode(size_t position, WalCompression compression) const {
    if (marks_.empty()) return {};
    TombstonesRecord record;
    for (const auto& [ref, interval] : marks_) record.add(ref, interval.mint, interval.maxt);
    WalWriter out(position, std::move(compression));
    out.record(record.bytes());
    return std::move(out.bytes());
}

void HeadDeletion::apply() {
    std::vector<std::shared_ptr<const void>> released;  // let go after the lock
    std::unique_lock lock(head_->mutex_);
    for (const auto& [ref, interval] : marks_) {
        uint32_t slot = head_->table_.by_ref.find(ref);
        if (slot == RefMap::kNone) continue;
        Series& s = head_->table_.series[slot];
        head_->mark_deleted(s, interval);
        head_->take_out(s, interval);
    }
    released = head_->closed_.take_released();
}

// First and last time of what the series has.
Interval Head::range_of(const Series& s) const {
    Interval range{kMaxTime, kMinTime};
    auto join = [&](int64_t mint, int64_t maxt) {
        range = {std::min(range.mint, mint), std::max(range.maxt, maxt)};
    };
    auto join_chain = [&](uint32_t chain) {
        for (uint32_t id = chain; id != kNoChunk; id = closed_[id].older)
            join(closed_[id].mint, closed_[id].maxt());
    };
    join_chain(s.closed);
    if (s.size > 0) join(s.mint, s.t);
    if (const OutOfOrder* late = out_of_order(s)) {
        join_chain(late->closed);
        if (!late->open.empty()) join(late->open.front().t, late->open.back().t);
    }
    return range;
}

const Intervals* Head::deleted(const Series& s) const {
    const SeriesExtra* extra = table_.extras.find(s);
    return extra == nullptr ? nullptr : extra->deleted.get();
}

void Head::mark_deleted(Series& s, Interval interval) {
    if (!s.has_samples()) return;
    auto& kept = table_.extras.of(s).deleted;
    if (kept == nullptr) kept = std::make_unique<Intervals>();
    add_interval(*kept, interval);
}

void Head::forget_deleted(Series& s, int64_t mint) {
    SeriesExtra* extra = table_.extras.find(s);
    if (extra == nullptr || extra->deleted == nullptr) return;
    std::erase_if(*extra->deleted, [&](Interval i) { return i.maxt < mint; });
    if (extra->deleted->empty() || !s.has_samples()) extra->deleted.reset();
}

// Takes out-of-order samples out. A chunk that cannot be read stays: queries will say so.
void Head::take_out(Series& s, Interval interval) {
    SeriesExtra* extra = table_.extras.find(s);
    if (extra == nullptr || extra->out_of_order == nullptr) return;
    OutOfOrder& late = *extra->out_of_order;
    bool open = !late.open.empty();
    std::erase_if(late.open, [&](const OutOfOrder::Sample& sample) {
        return interval.mint <= sample.t && sample.t <= interval.maxt;
    });
    if (open && late.open.empty()) {
        --counts_.chunks;
        ++counts_.chunks_removed;
        late.histograms.reset();
    }
    std::vector<uint32_t> chain;  // last closed first
    for (uint32_t id = late.closed; id != kNoChunk; id = closed_[id].older) chain.push_back(id);
    late.closed = kNoChunk;
    late.fresh = 0;
    for (auto id = chain.rbegin(); id != chain.rend(); ++id) {
        closed_.set_older(*id, late.closed);
        late.closed = *id;
        if (closed_[*id].mint <= interval.maxt && closed_[*id].maxt() >= interval.mint)
            rewrite_late_chunk(s, late, interval);
    }
    if (late.empty()) extra->out_of_order.reset();
}

// The last closed chunk without an interval.
void Head::rewrite_late_chunk(const Series& s, OutOfOrder& late, Interval interval) {
    uint32_t id = late.closed, older = closed_[id].older;
    HeadChunk c = read_head_chunk(closed_.entry(closed_[id]));
    ChunkView view{c.mint, c.maxt, c.bytes.data(), static_cast<uint32_t>(c.bytes.size()), c.encoding};
    Intervals intervals{interval};
    std::vector<EncodedChunk> rest;
    try {
        rest = reencode({&view, 1}, kMinTime, kMaxTime, &intervals);
    } catch (const DecodeError&) {
        return;
    }
    closed_.set_older(id, kNoChunk);
    closed_.drop(id);
    late.closed = older;
    for (const EncodedChunk& part : rest) {
        late.closed =
            closed_.add({s.ref, part.mint, part.maxt, part.encoding, true, part.bytes}, late.closed);
    }
    counts_.chunks += rest.size() - 1;
    counts_.chunks_created += rest.size();
    ++counts_.chunks_removed;
}

}  // namespace narthex
