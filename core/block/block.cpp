#include "block/block.h"

#include <algorithm>
#include <numeric>

namespace narthex {

namespace {

constexpr size_t kMaxReserved = 1 << 20;

// Translates a block's symbols to those of one result; each distinct symbol is interned once.
class Translator {
  public:
    Translator(const IndexReader& index, SymbolTable& to)
        : index_(index), to_(to), map_(index.symbols(), SymbolTable::kNone) {}

    // Drops empty values, which mean the same as an absent label.
    void row(std::vector<LabelPair>& pairs) {
        size_t kept = 0;
        for (LabelPair p : pairs) {
            LabelPair q{symbol(p.name), symbol(p.value)};
            if (!to_.get(q.value).empty()) pairs[kept++] = q;
        }
        pairs.resize(kept);
    }

  private:
    uint32_t symbol(uint32_t index) {
        uint32_t& to = map_[index];
        if (to == SymbolTable::kNone) to = to_.intern(index_.symbol(index));
        return to;
    }

    const IndexReader& index_;
    SymbolTable& to_;
    std::vector<uint32_t> map_;
};

bool overlaps(const ChunkMeta& m, int64_t mint, int64_t maxt) {
    return m.mint <= maxt && m.maxt >= mint;
}

bool covered(const ChunkMeta& m, const Intervals* deleted) {
    if (deleted == nullptr) return false;
    return std::any_of(deleted->begin(), deleted->end(),
                       [&](Interval i) { return i.mint <= m.mint && m.maxt <= i.maxt; });
}

// What is broken is noted in `damage`, or thrown when that is nullptr. Gives whether it was sound.
template <typename Call>
bool unless_broken(Damage* damage, Call call) {
    if (damage == nullptr) {
        call();
        return true;
    }
    try {
        call();
        return true;
    } catch (const DecodeError& e) {
        damage->add(e.what());
        return false;
    }
}

// Calls visit(id, pairs, metas, deleted) for each matching series that has a chunk in the range that is not
// deleted as a whole, until it gives false; metas are only those chunks.
template <typename Visit>
void each_series(const IndexReader& index, const std::vector<IndexReader::Id>& ids, int64_t mint,
                 int64_t maxt, const Tombstones* tombstones, Damage* damage, Visit visit) {
    std::vector<LabelPair> pairs;
    std::vector<ChunkMeta> metas;
    for (IndexReader::Id id : ids) {
        if (!unless_broken(damage, [&] { IndexReader::chunks(index.labels(id, pairs), metas); })) continue;
        const Intervals* deleted = tombstones == nullptr ? nullptr : tombstones->find(id);
        std::erase_if(metas,
                      [&](const ChunkMeta& m) { return !overlaps(m, mint, maxt) || covered(m, deleted); });
        if (!metas.empty() && !visit(id, pairs, metas, deleted)) return;
    }
}

bool ascending(const LabelSets& labels) {
    for (size_t i = 1; i < labels.rows(); ++i) {
        if (compare_rows(labels, i - 1, labels, i) >= 0) return false;
    }
    return true;
}

std::vector<size_t> label_order(const LabelSets& labels) {
    std::vector<size_t> order(labels.rows());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return compare_rows(labels, a, labels, b) < 0; });
    return order;
}

bool same_row(const LabelSets& labels, std::span<const size_t> order, size_t k) {
    return k > 0 && compare_rows(labels, order[k - 1], labels, order[k]) == 0;
}

// Foreign writers may not have ordered the series; rows with equal labels become one.
SeriesBatch in_label_order(SeriesBatch in) {
    if (ascending(in.labels)) return in;
    SeriesBatch out;
    out.labels = LabelSets(in.labels.symbols());
    out.owners = std::move(in.owners);
    out.damage = std::move(in.damage);
    auto order = label_order(in.labels);
    for (size_t k = 0; k < order.size(); ++k) {
        if (same_row(in.labels, order, k)) {
            out.offsets.pop_back();
        } else {
            out.labels.add_row(in.labels.row(order[k]));
        }
        auto chunks = in.row(order[k]);
        out.chunks.insert(out.chunks.end(), chunks.begin(), chunks.end());
        auto first = out.chunks.begin() + static_cast<ptrdiff_t>(out.offsets.back());
        std::stable_sort(first, out.chunks.end(),
                         [](const ChunkView& a, const ChunkView& b) { return a.mint < b.mint; });
        out.offsets.push_back(out.chunks.size());
    }
    return out;
}

LabelSets in_label_order(LabelSets in) {
    if (ascending(in)) return in;
    LabelSets out(in.symbols());
    auto order = label_order(in);
    for (size_t k = 0; k < order.size(); ++k) {
        if (!same_row(in, order, k)) out.add_row(in.row(order[k]));
    }
    return out;
}

}  // namespace

SeriesBatch select(const Block& block, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                   const Tombstones* tombstones, bool skip_broken) {
    SeriesBatch out;
    Damage* damage = skip_broken ? &out.damage : nullptr;
    out.owners.push_back(block.owner);
    Translator translate(block.index, *out.labels.symbols());
    auto ids = match_series(block.index, terms);
    each_series(block.index, ids, mint, maxt, tombstones, damage,
                [&](IndexReader::Id, std::vector<LabelPair>& pairs, const std::vector<ChunkMeta>& metas,
                    const Intervals* deleted) {
                    if (out.rows() == 0) {
                        // Series of a block tend to have equally many chunks.
                        out.chunks.reserve(std::min(ids.size() * metas.size(), kMaxReserved));
                        out.offsets.reserve(ids.size() + 1);
                        out.labels.reserve(ids.size(), ids.size() * pairs.size());
                    }
                    for (const ChunkMeta& meta : metas) {
                        unless_broken(damage, [&] {
                            ChunkView view = block.chunks.view(meta);
                            if (deleted == nullptr) {
                                out.chunks.push_back(view);
                            } else {
                                add_remains(view, *deleted, out);
                            }
                        });
                    }
                    if (out.chunks.size() == out.offsets.back()) return true;
                    translate.row(pairs);
                    out.labels.add_row(pairs);
                    out.offsets.push_back(out.chunks.size());
                    return true;
                });
    return in_label_order(std::move(out));
}

LabelSets select_labels(const Block& block, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                        const Tombstones* tombstones, size_t limit) {
    LabelSets out;
    Translator translate(block.index, *out.symbols());
    each_series(
        block.index, match_series(block.index, terms), mint, maxt, tombstones, nullptr,
        [&](IndexReader::Id, std::vector<LabelPair>& pairs, const std::vector<ChunkMeta>&, const Intervals*) {
            translate.row(pairs);
            out.add_row(pairs);
            return limit == 0 || out.rows() < limit;
        });
    return in_label_order(std::move(out));
}

namespace {

// What a series entry costs to read, in postings and in values.
constexpr size_t kPostingsASeries = 64, kSeriesAValue = 2;

TextList marked_symbols(const IndexReader& index, const std::vector<bool>& marked, size_t limit) {
    std::vector<std::string_view> out;
    for (uint32_t i = 0; i < marked.size(); ++i) {
        if (marked[i]) out.push_back(index.symbol(i));
    }
    return TextList(std::move(out), limit);
}

}  // namespace

TextList matching_label_names(const IndexReader& index, std::span<const MatchTerm> terms, size_t limit) {
    std::vector<bool> marked(index.symbols());
    std::vector<LabelPair> pairs;
    for (IndexReader::Id id : match_series(index, terms)) {
        index.labels(id, pairs);
        for (LabelPair p : pairs) marked[p.name] = true;
    }
    return marked_symbols(index, marked, limit);
}

TextList matching_label_values(const IndexReader& index, std::string_view name,
                               std::span<const MatchTerm> terms, size_t limit) {
    if (std::all_of(terms.begin(), terms.end(),
                    [&](const MatchTerm& t) { return !t.exclude && index.covers(t); }))
        return TextList(index.label_values(name), limit);
    auto ids = match_series(index, terms);
    if (index.label_value_count(name) * kSeriesAValue + index.listed_series() / kPostingsASeries < ids.size())
        return TextList(index.values_of(name, ids), limit);
    std::vector<bool> marked(index.symbols());
    std::vector<LabelPair> pairs;
    for (IndexReader::Id id : ids) {
        index.labels(id, pairs);
        for (LabelPair p : pairs) {
            if (index.symbol(p.name) == name) marked[p.value] = true;
        }
    }
    return marked_symbols(index, marked, limit);
}

size_t delete_samples(const Block& block, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt,
                      Tombstones& deleted) {
    size_t marked = 0;
    each_series(block.index, match_series(block.index, terms), mint, maxt, nullptr, nullptr,
                [&](IndexReader::Id id, const std::vector<LabelPair>&, const std::vector<ChunkMeta>& metas,
                    const Intervals*) {
                    int64_t last = metas[0].maxt;
                    for (const ChunkMeta& m : metas) last = std::max(last, m.maxt);
                    Interval cut{std::max(mint, metas[0].mint), std::min(maxt, last)};
                    if (cut.mint > cut.maxt) return true;
                    deleted.add(id, cut);
                    ++marked;
                    return true;
                });
    return marked;
}

}  // namespace narthex
