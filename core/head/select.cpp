#include <algorithm>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <tuple>

#include "chunk/xor.h"
#include "head/head.h"

namespace narthex {

namespace {

bool overlaps(const ClosedChunks& closed, const Series& s, int64_t mint, int64_t maxt) {
    if (!s.has_samples() || s.t < mint) return false;
    if (s.size > 0 && s.mint <= maxt) return true;
    for (uint32_t id = s.closed; id != kNoChunk; id = closed[id].older) {
        const ClosedChunk& c = closed[id];
        if (c.maxt() < mint) return false;
        if (c.mint <= maxt) return true;
    }
    return false;
}

// The symbols that a selection uses, renumbered so that the order of ids is the order of texts: label sets
// then compare as integers.
class Subset {
  public:
    // Under the lock: notes which symbols occur and where their texts lie (they never move).
    void gather(const SymbolTable& symbols, std::span<const LabelPair> pairs) {
        if (pairs.size() * 2 < symbols.size() / 4) {
            ids_.reserve(pairs.size() * 2);
            for (LabelPair p : pairs) {
                ids_.push_back(p.name);
                ids_.push_back(p.value);
            }
            std::sort(ids_.begin(), ids_.end());
            ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
        } else {
            position_.assign(symbols.size(), SymbolTable::kNone);
            for (LabelPair p : pairs) {
                for (uint32_t id : {p.name, p.value}) {
                    if (position_[id] != SymbolTable::kNone) continue;
                    position_[id] = static_cast<uint32_t>(ids_.size());
                    ids_.push_back(id);
                }
            }
        }
        texts_.reserve(ids_.size());
        for (uint32_t id : ids_) texts_.push_back(symbols.get(id));
    }

    // Without the lock: interns the texts in order and renames the pairs.
    void rename(SymbolTable& into, std::span<LabelPair> pairs) {
        std::vector<uint32_t> order(ids_.size());
        std::iota(order.begin(), order.end(), 0u);
        std::sort(order.begin(), order.end(),
                  [this](uint32_t a, uint32_t b) { return texts_[a] < texts_[b]; });
        std::vector<uint32_t> renamed(ids_.size());
        for (uint32_t i : order) renamed[i] = into.intern(texts_[i]);
        auto at = [&](uint32_t id) {
            if (!position_.empty()) return renamed[position_[id]];
            return renamed[static_cast<size_t>(std::lower_bound(ids_.begin(), ids_.end(), id) -
                                               ids_.begin())];
        };
        for (LabelPair& p : pairs) p = {at(p.name), at(p.value)};
    }

  private:
    std::vector<uint32_t> ids_;
    std::vector<std::string_view> texts_;
    std::vector<uint32_t> position_;  // dense map for selections that use a good part of all symbols
};

// Rows as they leave the lock: not sorted, symbols of the head.
struct Rows {
    std::vector<LabelPair> pairs;
    std::vector<uint64_t> ends;
    Subset subset;
    std::shared_ptr<SymbolTable> symbols;

    std::span<const LabelPair> row(size_t i) const {
        size_t start = i == 0 ? 0 : ends[i - 1];
        return {pairs.data() + start, pairs.data() + ends[i]};
    }
    void add(const SeriesTable& table, const Series& s) {
        table.pairs_of(s, pairs);
        ends.push_back(pairs.size());
    }
    // Puts the label sets into `out` in label order; gives the row numbers in that order.
    std::vector<uint32_t> sort_into(LabelSets& out) {
        subset.rename(*out.symbols(), pairs);
        std::vector<uint32_t> order(ends.size());
        std::iota(order.begin(), order.end(), 0u);
        std::sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
            auto x = row(a), y = row(b);
            return std::lexicographical_compare(
                x.begin(), x.end(), y.begin(), y.end(), [](LabelPair p, LabelPair q) {
                    return p.name != q.name ? p.name < q.name : p.value < q.value;
                });
        });
        out.reserve(ends.size(), pairs.size());
        for (uint32_t i : order) out.add_row(row(i));
        return order;
    }
};

// Open chunks are copied into one buffer: offsets until it stops growing. Of closed chunks the place of the
// entry is noted: reading it may wait for the disk, which must not happen under the lock.
struct Chunks {
    std::vector<ChunkView> views;
    std::vector<uint64_t> ends;
    std::shared_ptr<std::vector<uint8_t>> copies = std::make_shared<std::vector<uint8_t>>();
    std::vector<std::pair<size_t, size_t>> copied;  // view, offset in copies
    std::vector<bool> pages;

    // `elsewhere` are the bytes of an open chunk that is not in `open`.
    void add(const OpenChunks& open, const ClosedChunks& closed, std::span<const uint8_t> elsewhere,
             const Series& s, int64_t mint, int64_t maxt) {
        size_t first = views.size();
        for (uint32_t id = s.closed; id != kNoChunk; id = closed[id].older) {
            const ClosedChunk& c = closed[id];
            if (c.maxt() < mint) break;
            if (c.mint > maxt) continue;
            views.push_back({c.mint, c.maxt(), closed.entry(c), 0, 0});
            pages[c.page] = true;
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
        ends.push_back(views.size());
    }

    // Without the lock: views of the bytes in place of what add() noted.
    void resolve() {
        for (ChunkView& v : views) {
            if (v.data == nullptr) continue;
            HeadChunk chunk = read_head_chunk(v.data);
            v.data = chunk.bytes.data();
            v.size = static_cast<uint32_t>(chunk.bytes.size());
            v.encoding = chunk.encoding;
        }
        for (auto [i, offset] : copied) views[i].data = copies->data() + offset;
    }
};

}  // namespace

bool Head::select(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                  SeriesBatch& out) const {
    Rows rows;
    Chunks chunks;
    {
        std::shared_lock lock(mutex_);
        if (view.generation != generation_) return false;
        chunks.pages.assign(closed_.page_count(), false);
        for (uint32_t slot : match_series(TableSource(table_, view.series), terms)) {
            const Series& s = table_.series[slot];
            if (!overlaps(closed_, s, mint, maxt)) continue;
            rows.add(table_, s);
            chunks.add(open_, closed_, open_elsewhere(s), s, mint, maxt);
        }
        rows.symbols = table_.symbols;
        rows.subset.gather(*rows.symbols, rows.pairs);
        for (size_t p = 0; p < chunks.pages.size(); ++p) {
            if (chunks.pages[p]) out.owners.push_back(closed_.owner(static_cast<uint32_t>(p)));
        }
    }
    chunks.resolve();
    out.owners.push_back(chunks.copies);
    auto order = rows.sort_into(out.labels);
    out.chunks.reserve(chunks.views.size());
    out.offsets.reserve(order.size() + 1);
    for (uint32_t i : order) {
        size_t start = i == 0 ? 0 : chunks.ends[i - 1];
        out.chunks.insert(out.chunks.end(), chunks.views.begin() + static_cast<ptrdiff_t>(start),
                          chunks.views.begin() + static_cast<ptrdiff_t>(chunks.ends[i]));
        out.offsets.push_back(out.chunks.size());
    }
    return true;
}

bool Head::select_labels(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                         LabelSets& out) const {
    Rows rows;
    {
        std::shared_lock lock(mutex_);
        if (view.generation != generation_) return false;
        for (uint32_t slot : match_series(TableSource(table_, view.series), terms)) {
            const Series& s = table_.series[slot];
            if (overlaps(closed_, s, mint, maxt)) rows.add(table_, s);
        }
        rows.symbols = table_.symbols;
        rows.subset.gather(*rows.symbols, rows.pairs);
    }
    rows.sort_into(out);
    return true;
}

bool Head::matching_names(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                          std::vector<std::string>& out) const {
    std::shared_lock lock(mutex_);
    if (view.generation != generation_) return false;
    std::vector<uint32_t> combinations, names;
    for (uint32_t slot : match_series(TableSource(table_, view.series), terms)) {
        const Series& s = table_.series[slot];
        if (overlaps(closed_, s, mint, maxt)) combinations.push_back(s.names);
    }
    if (combinations.empty()) return true;
    sort_unique(combinations);
    for (uint32_t id : combinations) {
        auto part = table_.names.get(id);
        names.insert(names.end(), part.begin(), part.end());
    }
    sort_unique(names);
    for (uint32_t name : names) out.emplace_back(table_.symbols->get(name));
    return true;
}

bool Head::matching_values(HeadView view, std::string_view name, std::span<const MatchTerm> terms,
                           int64_t mint, int64_t maxt, std::vector<std::string>& out) const {
    std::shared_lock lock(mutex_);
    if (view.generation != generation_) return false;
    uint32_t symbol = table_.symbols->find(name);
    std::vector<uint32_t> values;
    for (uint32_t slot : match_series(TableSource(table_, view.series), terms)) {
        const Series& s = table_.series[slot];
        if (!overlaps(closed_, s, mint, maxt)) continue;
        auto names = table_.names.get(s.names);
        for (size_t i = 0; i < names.size(); ++i) {
            if (names[i] == symbol) values.push_back(s.values[i]);
        }
    }
    if (values.empty()) return true;
    sort_unique(values);
    for (uint32_t value : values) out.emplace_back(table_.symbols->get(value));
    return true;
}

std::vector<std::string> Head::label_values(std::string_view name, std::string_view prefix) const {
    std::shared_lock lock(mutex_);
    std::vector<std::string> out;
    uint32_t symbol = table_.symbols->find(name);
    if (symbol == SymbolTable::kNone) return out;
    for (uint32_t id : table_.postings.values(symbol)) {
        std::string_view text = table_.symbols->get(table_.postings.posting(id).value);
        if (text.starts_with(prefix)) out.emplace_back(text);
    }
    return out;
}

std::vector<std::string> Head::label_names() const {
    std::shared_lock lock(mutex_);
    std::vector<std::string> out;
    for (uint32_t name : table_.postings.names()) out.emplace_back(table_.symbols->get(name));
    return out;
}

namespace {

std::vector<HeadCount> largest(std::vector<HeadCount> counts, size_t limit) {
    auto more = [](const HeadCount& a, const HeadCount& b) {
        if (a.count != b.count) return a.count > b.count;
        return std::tie(a.name, a.value) < std::tie(b.name, b.value);
    };
    size_t n = std::min(limit, counts.size());
    std::partial_sort(counts.begin(), counts.begin() + static_cast<ptrdiff_t>(n), counts.end(), more);
    counts.resize(n);
    return counts;
}

}  // namespace

Head::Cardinality Head::cardinality(std::string_view name, size_t limit) const {
    Cardinality out;
    std::shared_lock lock(mutex_);
    for (uint32_t n : table_.postings.names()) {
        std::string text(table_.symbols->get(n));
        auto ids = table_.postings.values(n);
        uint64_t bytes = 0;
        for (uint32_t id : ids) {
            const Posting& p = table_.postings.posting(id);
            std::string value(table_.symbols->get(p.value));
            uint64_t series = p.slots.get().size();
            bytes += value.size() * series;
            if (text == name) out.series_by_value.push_back({value, "", series});
            out.series_by_pair.push_back({text, value, series});
        }
        out.values_by_label.push_back({text, "", ids.size()});
        out.bytes_by_label.push_back({text, "", bytes});
    }
    lock.unlock();
    for (auto* counts :
         {&out.series_by_value, &out.values_by_label, &out.bytes_by_label, &out.series_by_pair}) {
        *counts = largest(std::move(*counts), limit);
    }
    return out;
}

}  // namespace narthex
