#include "head/table.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace narthex {

uint32_t SeriesTable::add(uint64_t ref, std::span<const LabelPair> pairs, uint32_t hash) {
    uint32_t slot = LabelTable<Series>::add(ref, pairs, hash);
    for (LabelPair p : pairs) postings.add(p, slot);
    return slot;
}

void SeriesTable::forget(Series& s) {
    by_ref.set(s.ref, RefMap::kNone);
    extras.release(s);
    s.ref = 0;
}

void SeriesTable::add_labels_of(const SeriesTable& from, const Series& s, SymbolMapper& map) {
    if (s.ref == 0) return;
    std::vector<LabelPair> pairs;
    from.pairs_of(s, pairs);
    for (LabelPair& p : pairs) p = map(p);
    add(s.ref, pairs, hash_pairs(pairs));
}

void SeriesTable::take_samples(SeriesTable& from) {
    size_t slot = 0;
    for (size_t i = 0; i < from.series.size(); ++i) {
        const Series& s = from.series[i];
        if (s.ref == 0) continue;
        Series& mine = series[slot++];
        Series copy = s;
        copy.hash = mine.hash;
        copy.names = mine.names;
        copy.values = mine.values;
        mine = copy;
    }
    extras = std::move(from.extras);
}

size_t TableSource::count(const MatchTerm& term) const {
    if (term.every) return table_.postings.slots_of(table_.symbols->find(term.name));
    size_t n = 0;
    each(term, [&](std::span<const uint32_t> slots) { n += slots.size(); });
    return n;
}

void TableSource::collect(const MatchTerm& term, std::vector<Id>& out) const {
    each_list(term,
              [&](std::span<const uint32_t> slots) { out.insert(out.end(), slots.begin(), slots.end()); });
}

bool TableSource::covers(const MatchTerm& term) const {
    return term.every && count(term) == table_.series.size();
}

void TableSource::collect_all(std::vector<Id>& out) const {
    size_t n = std::min<size_t>(bound_, table_.series.size());
    out.resize(n);
    std::iota(out.begin(), out.end(), Id{0});
}

}  // namespace narthex
