#include <algorithm>
#include <optional>
#include <utility>

#include "bytes/error.h"
#include "head/head.h"
#include "head/label_rows.h"

namespace narthex {

namespace {

// Open chunks are copied into one buffer: offsets until it stops growing. Of closed chunks the place of the
// entry is noted: reading it may wait for the disk, which must not happen under the lock.
struct Chunks {
    static constexpr size_t kUsualOpenBytes = 64;

    std::vector<ChunkView> views;
    std::vector<uint64_t> ends;
    std::shared_ptr<std::vector<uint8_t>> copies = std::make_shared<std::vector<uint8_t>>();
    std::vector<std::pair<size_t, size_t>> copied;  // view, offset in copies
    std::vector<std::shared_ptr<const void>> late;  // what open out-of-order chunks were encoded to
    std::vector<bool> pages;

    // Without the lock: room for about a chunk of each of `series`, whose pages were touched, so that add
    // does not wait for memory.
    void make_room(size_t series) {
        views.resize(series);
        copied.resize(series);
        ends.resize(series);
        copies->resize(series * kUsualOpenBytes);
        views.clear();
        copied.clear();
        ends.clear();
        copies->clear();
    }

    // `elsewhere` are the bytes of an open chunk that is not in `open`.
    void add_in_order(const OpenChunks& open, const ClosedChunks& closed, std::span<const uint8_t> elsewhere,
                      const Series& s, int64_t mint, int64_t maxt) {
        if (!s.has_samples() || s.t < mint) return;
        size_t first = views.size();
        for (uint32_t id = s.closed; id != kNoChunk && closed[id].maxt() >= mint; id = closed[id].older) {
            if (closed[id].mint <= maxt) add_closed(closed, closed[id]);
        }
        std::reverse(views.begin() + static_cast<ptrdiff_t>(first), views.end());
        if (s.size > 0 && s.mint <= maxt) {
            size_t offset = copies->size();
            copied.emplace_back(views.size(), offset);
            if (s.size == kElsewhere) {
                copies->insert(copies->end(), elsewhere.begin(), elsewhere.end());
            } else {
                copies->resize(offset + s.size);
                open.copy(s, copies->data() + offset);
            }
            auto size = static_cast<uint32_t>(copies->size() - offset);
            views.push_back({s.mint, s.t, nullptr, size, s.encoding});
        }
    }
    // A chain of closed chunks and, unless nullptr, the open one.
    void add_out_of_order(const ClosedChunks& closed, uint32_t chain, const OutOfOrder* open,
                          HeadEncoding encoding, int64_t mint, int64_t maxt) {
        size_t first = views.size();
        for (uint32_t id = chain; id != kNoChunk; id = closed[id].older) {
            const ClosedChunk& c = closed[id];
            if (c.mint <= maxt && c.maxt() >= mint) add_closed(closed, c);
        }
        std::reverse(views.begin() + static_cast<ptrdiff_t>(first), views.end());
        if (open == nullptr || !open->open_overlaps(mint, maxt)) return;
        auto encoded = std::make_shared<std::vector<OutOfOrder::Encoded>>(
            open->encode(encoding.xor2, encoding.histogram_starts));
        for (const auto& c : *encoded) {
            auto size = static_cast<uint32_t>(c.bytes.size());
            if (c.mint <= maxt && c.maxt >= mint)
                views.push_back({c.mint, c.maxt, c.bytes.data(), size, c.encoding});
        }
        late.push_back(std::move(encoded));
    }
    // What the row has so far is to be seen without these intervals.
    void cut_row(const Intervals& deleted) {
        size_t first = ends.empty() ? 0 : ends.back();
        if (first < views.size()) cuts.push_back({ends.size(), first, views.size(), deleted});
    }
    void end_row() { ends.push_back(views.size()); }

    // Without the lock: views of the bytes in place of what add() noted.
    void resolve() {
        for (ChunkView& v : views) {
            if (v.encoding != 0) continue;  // no entry
            HeadChunk chunk = read_head_chunk(v.data);
            v.data = chunk.bytes.data();
            v.size = static_cast<uint32_t>(chunk.bytes.size());
            v.encoding = chunk.encoding;
        }
        for (auto [i, offset] : copied) views[i].data = copies->data() + offset;
    }

    // After resolve(): takes deleted samples out, and rows that are left without chunks, `slots` included.
    void cut(std::vector<uint32_t>& slots, std::vector<std::shared_ptr<const void>>& owners) {
        if (cuts.empty()) return;
        SeriesBatch rest;
        std::vector<ChunkView> before = std::exchange(views, {});
        std::vector<uint64_t> ends_before = std::exchange(ends, {});
        auto next = cuts.begin();
        size_t at = 0;
        for (size_t row = 0; row < ends_before.size(); ++row) {
            if (next != cuts.end() && next->row == row) {
                rest.chunks.clear();
                for (; at < next->last; ++at) {
                    try {
                        add_remains(before[at], next->deleted, rest);
                    } catch (const DecodeError&) {
                        rest.chunks.push_back(before[at]);  // who reads it will say so
                    }
                }
                views.insert(views.end(), rest.chunks.begin(), rest.chunks.end());
                ++next;
            }
            for (; at < ends_before[row]; ++at) views.push_back(before[at]);
            if (views.size() == (ends.empty() ? 0 : ends.back())) continue;
            slots[ends.size()] = slots[row];
            end_row();
        }
        slots.resize(ends.size());
        owners.insert(owners.end(), rest.owners.begin(), rest.owners.end());
    }

  private:
    struct Cut {
        size_t row, first, last;  // views [first, last)
        Intervals deleted;
    };
    std::vector<Cut> cuts;

    void add_closed(const ClosedChunks& closed, const ClosedChunk& c) {
        views.push_back({c.mint, c.maxt(), closed.entry(c), 0, 0});
        pages[c.page] = true;
    }
};

// Chunks of a row by their first time; in order ones, of which there are most rows, are that already.
void sort_chunks(std::span<ChunkView> row) {
    auto earlier = [](const ChunkView& a, const ChunkView& b) { return a.mint < b.mint; };
    if (!std::is_sorted(row.begin(), row.end(), earlier)) std::stable_sort(row.begin(), row.end(), earlier);
}

bool covered(const Intervals* deleted, int64_t mint, int64_t maxt) {
    return deleted != nullptr && std::any_of(deleted->begin(), deleted->end(),
                                             [&](Interval i) { return i.mint <= mint && maxt <= i.maxt; });
}

bool overlaps_in_order(const ClosedChunks& closed, const Series& s, const Intervals* deleted, int64_t mint,
                       int64_t maxt) {
    if (!s.has_samples() || s.t < mint) return false;
    if (s.size > 0 && s.mint <= maxt && !covered(deleted, s.mint, s.t)) return true;
    for (uint32_t id = s.closed; id != kNoChunk; id = closed[id].older) {
        const ClosedChunk& c = closed[id];
        if (c.maxt() < mint) return false;
        if (c.mint <= maxt && !covered(deleted, c.mint, c.maxt())) return true;
    }
    return false;
}

}  // namespace

const OutOfOrder* Head::out_of_order(const Series& s) const {
    const SeriesExtra* extra = table_.extras.find(s);
    return extra == nullptr ? nullptr : extra->out_of_order.get();
}

bool Head::overlaps(const Series& s, int64_t mint, int64_t maxt, HeadPart part) const {
    if (part == HeadPart::kStale && !has_ended(s)) return false;
    if (part != HeadPart::kCompacting && overlaps_in_order(closed_, s, deleted(s), mint, maxt)) return true;
    const OutOfOrder* late = part == HeadPart::kInOrder ? nullptr : out_of_order(s);
    if (late == nullptr) return false;
    if (part == HeadPart::kCompacting) return any_overlaps(closed_, late->compacting(closed_), mint, maxt);
    return late->open_overlaps(mint, maxt) || any_overlaps(closed_, late->closed, mint, maxt);
}

bool Head::select(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                  SeriesBatch& out, HeadPart part) const {
    std::vector<uint32_t> slots;
    if (!match(view, terms, slots)) return false;
    Chunks chunks;
    chunks.make_room(slots.size());
    {
        // One lock for all chunks: no commit may show in a part of them.
        std::shared_lock lock(mutex_);
        if (view.generation != generation_) return false;
        chunks.pages.assign(closed_.page_count(), false);
        size_t kept = 0;
        for (uint32_t slot : slots) {
            const Series& s = table_.series[slot];
            if (!overlaps(s, mint, maxt, part)) continue;
            slots[kept++] = slot;
            if (part != HeadPart::kCompacting) {
                chunks.add_in_order(open_, closed_, open_elsewhere(s), s, mint, maxt);
                if (const Intervals* gone = deleted(s)) chunks.cut_row(*gone);
            }
            if (const OutOfOrder* late = out_of_order(s)) {
                if (part == HeadPart::kAll)
                    chunks.add_out_of_order(closed_, late->closed, late, encoding_, mint, maxt);
                if (part == HeadPart::kCompacting)
                    chunks.add_out_of_order(closed_, late->compacting(closed_), nullptr, encoding_, mint,
                                            maxt);
            }
            chunks.end_row();
        }
        slots.resize(kept);
        for (size_t p = 0; p < chunks.pages.size(); ++p) {
            if (chunks.pages[p]) out.owners.push_back(closed_.owner(static_cast<uint32_t>(p)));
        }
    }
    chunks.resolve();
    chunks.cut(slots, out.owners);
    std::optional<LabelRows> rows;
    if (!copy_labels(view, slots, rows, [](const Series&) { return true; })) return false;
    out.owners.push_back(chunks.copies);
    out.owners.insert(out.owners.end(), chunks.late.begin(), chunks.late.end());
    auto order = rows->sort_into(out.labels);
    out.chunks.reserve(chunks.views.size());
    out.offsets.reserve(order.size() + 1);
    for (uint32_t i : order) {
        size_t start = i == 0 ? 0 : chunks.ends[i - 1];
        out.chunks.insert(out.chunks.end(), chunks.views.begin() + static_cast<ptrdiff_t>(start),
                          chunks.views.begin() + static_cast<ptrdiff_t>(chunks.ends[i]));
        sort_chunks(std::span(out.chunks).subspan(out.offsets.back()));
        out.offsets.push_back(out.chunks.size());
    }
    return true;
}

bool Head::select_labels(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                         size_t limit, LabelSets& out) const {
    std::vector<uint32_t> slots;
    if (!match(view, terms, slots)) return false;
    size_t left = limit == 0 ? slots.size() : limit;
    std::optional<LabelRows> rows;
    if (!copy_labels(view, slots, rows, [&](const Series& s) {
            if (left == 0 || !overlaps(s, mint, maxt)) return false;
            --left;
            return true;
        }))
        return false;
    rows->sort_into(out);
    return true;
}

bool Head::match(HeadView view, std::span<const MatchTerm> terms, std::vector<uint32_t>& slots) const {
    std::shared_lock lock(mutex_);
    if (view.generation != generation_) return false;
    slots = match_series(TableSource(table_, view.series), terms);
    return true;
}

template <typename Keep>
bool Head::copy_labels(HeadView view, std::span<const uint32_t> slots, std::optional<LabelRows>& rows,
                       Keep&& keep) const {
    bool valid = in_slices(view.generation, slots.size(), [&](size_t first, size_t last) {
        if (!rows) rows.emplace(table_, slots.size());
        for (size_t i = first; i < last; ++i) {
            const Series& s = table_.series[slots[i]];
            if (keep(s)) rows->add(table_, s);
        }
    });
    if (!valid) return false;
    std::shared_lock lock(mutex_);
    if (view.generation != generation_) return false;
    if (!rows) rows.emplace(table_, 0);
    rows->find_texts();
    return true;
}

}  // namespace narthex
